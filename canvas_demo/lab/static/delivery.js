// Generated from canvas_demo/frontend by `npm run build`; do not edit.

// src/widgets/dom.ts
function fill(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== void 0 && value !== false) made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children);
  return made;
}
function element(tag, attributes = {}, children = []) {
  return fill(document.createElement(tag), attributes, children);
}
function scrolling(label, children) {
  return element("div", { class: "cd-scroll", role: "region", "aria-label": label, tabindex: 0 }, children);
}
function replace(parent, children) {
  const keys = [];
  for (let at = document.activeElement; at && at !== parent && parent.contains(at); at = at.parentElement) {
    const key = at.dataset["key"];
    if (key !== void 0) keys.push(key);
  }
  parent.replaceChildren(...children);
  for (const key of keys) {
    const found = parent.querySelector(`[data-key="${CSS.escape(key)}"]`);
    if (found) return found.focus({ preventScroll: true });
  }
}
function roving(parent, matching, next, previous) {
  const all = () => [...parent.querySelectorAll(matching)];
  const enter = (target) => {
    for (const each of all()) each.tabIndex = each === target ? 0 : -1;
  };
  parent.addEventListener("focusin", (event) => {
    const target = event.target.closest(matching);
    if (target) enter(target);
  });
  parent.addEventListener("keydown", (event) => {
    const found = all();
    const at = found.indexOf(document.activeElement);
    if (at < 0) return;
    const to = { [next]: at + 1, [previous]: at - 1, Home: 0, End: found.length - 1 }[event.key];
    if (to === void 0) return;
    event.preventDefault();
    found[Math.max(0, Math.min(found.length - 1, to))]?.focus();
  });
}
function pressable(made, act) {
  made.addEventListener("click", act);
  made.addEventListener("keydown", (event) => {
    const key = event.key;
    if (key !== "Enter" && key !== " ") return;
    event.preventDefault();
    act();
  });
  return made;
}
function announcement() {
  return element("p", { class: "cd-note", role: "status" });
}
function say(place, text) {
  if (place.textContent !== text) place.textContent = text;
}

// src/widgets/model.ts
var REFERENCE = "IPY_MODEL_";
async function selectionOf(model) {
  const named = model.get("selection");
  if (typeof named !== "string") return named ?? alone();
  const found = await model.widget_manager?.get_model(named.slice(REFERENCE.length));
  return found ? found : alone();
}
function alone() {
  const state = { event_id: "" };
  const listeners = /* @__PURE__ */ new Set();
  return {
    get: (name) => state[name],
    set: (name, value) => {
      state[name] = value;
      for (const listener of listeners) listener();
    },
    save_changes: () => void 0,
    on: (_event, callback) => void listeners.add(callback),
    off: (_event, callback) => void listeners.delete(callback),
    send: () => void 0
  };
}
function select(selection, id) {
  selection.set("event_id", selection.get("event_id") === id ? "" : id);
  selection.save_changes();
}
function follow(model, names, show) {
  for (const name of names) model.on(`change:${name}`, show);
  show();
  return () => {
    for (const name of names) model.off(`change:${name}`, show);
  };
}

// src/widgets/delivery.ts
var told = (count, after, owed) => {
  if (count === 0) return owed ? ["missing", "✕ not yet"] : ["none", "not subscribed"];
  const when = after === null ? "" : ` +${after.toFixed(1)} ms`;
  return count === 1 ? ["once", `✓${when}`] : ["more", `✓ ×${count}${when}`];
};
async function render({ model, el }) {
  const selection = await selectionOf(model);
  const head = element("thead");
  const body = element("tbody");
  const table = element("table", { class: "cd-table cd-matrix", role: "grid", "aria-label": "Who got what" }, [head, body]);
  const sum = element("p", { class: "cd-note" });
  const problem = announcement();
  const show = () => {
    const clients = model.get("clients");
    const columns = clients.map(
      ({ name, host, state }) => element("th", { scope: "col" }, [name, element("small", {}, [`host ${host}, ${state}`])])
    );
    head.replaceChildren(element("tr", {}, [element("th", { scope: "col" }, ["event"]), ...columns]));
    const line = ({ id, type, cells }, at) => pressable(
      element(
        "tr",
        { "data-key": id, "data-event": id, "aria-selected": String(id === selection.get("event_id")), tabindex: at ? -1 : 0 },
        [
          element("th", { scope: "row" }, [type, element("small", {}, [id.slice(0, 8)])]),
          ...cells.map(({ count, after_ms, owed }) => {
            const [kind, text] = told(count, after_ms, owed);
            return element("td", { "data-told": kind }, [text]);
          })
        ]
      ),
      () => select(selection, id)
    );
    const events = model.get("events").toReversed();
    replace(body, events.map(line));
    const all = events.flatMap(({ cells }) => cells).filter(({ owed }) => owed);
    const missing = all.filter(({ count }) => count === 0).length;
    const twice = all.filter(({ count }) => count > 1).length;
    say(sum, `${all.length - missing} of ${all.length} delivered, ${missing} missing, ${twice} more than once; the newest first`);
    say(problem, model.get("problem"));
  };
  el.classList.add("cd-widget");
  el.append(element("h4", {}, ["Who got what"]), scrolling("Who got what", [table]), sum, problem);
  roving(body, "tr", "ArrowDown", "ArrowUp");
  const stops = [follow(model, ["clients", "events", "problem"], show), follow(selection, ["event_id"], show)];
  return () => stops.forEach((stop) => stop());
}
var delivery_default = { render };
export {
  delivery_default as default
};
