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

// src/widgets/lanes.ts
function hue(key) {
  let sum = 0;
  for (const letter of key) sum = (sum * 31 + letter.charCodeAt(0)) % 360;
  return sum;
}
async function render({ model, el }) {
  const selection = await selectionOf(model);
  const list = element("div", { class: "cd-lanes" });
  const problem = announcement();
  const record = (of, first) => pressable(
    element(
      "span",
      {
        class: "cd-record",
        role: "button",
        style: `--cd-hue:${hue(of.key)}`,
        tabindex: first ? 0 : -1,
        "data-key": `${of.id}-${of.offset}`,
        "data-event": of.id,
        "aria-pressed": String(of.id !== "" && of.id === selection.get("event_id")),
        title: `offset ${of.offset}
${of.type}
key ${of.key}`
      },
      [element("b", {}, [String(of.offset)]), of.key.slice(0, 4), element("span", { class: "cd-unseen" }, [` ${of.type}`])]
    ),
    () => of.id && select(selection, of.id)
  );
  const place = (of) => {
    const where = of.committed === null ? "has committed nothing" : `has committed ${of.committed}`;
    return element("li", { "data-lag": of.lag > 0 ? "some" : "none" }, [
      element("span", {}, [of.group]),
      ` ${where}, lag ${of.lag}${of.member ? `, read by ${of.member}` : ""}`
    ]);
  };
  const lane = (of) => {
    const left = of.next - of.first - of.records.length;
    const boxes = of.records.map((each, at) => record(each, at === of.records.length - 1));
    const marks = of.groups.flatMap(({ group, committed }) => committed === null ? [] : [{ group, committed }]);
    const row = left > 0 ? [element("span", { class: "cd-older" }, [`${left} older`])] : [];
    const mark = (offset) => {
      const here = marks.filter(({ committed }) => committed === offset).map(({ group }) => group);
      return here.length ? [element("span", { class: "cd-mark", title: `next for ${here.join(", ")}` }, ["▸"])] : [];
    };
    boxes.forEach((box, at) => row.push(...mark(of.records[at]?.offset ?? -1), box));
    row.push(...mark(of.next));
    row.push(element("span", { class: "cd-end" }, [`next ${of.next}`]));
    return element("section", { class: "cd-lane", "aria-label": `partition ${of.partition}` }, [
      element("h5", {}, [`partition ${of.partition}`]),
      element("div", { class: "cd-row" }, row),
      element("ul", { class: "cd-places" }, of.groups.map(place))
    ]);
  };
  const show = () => {
    replace(list, model.get("lanes").map(lane));
    say(problem, model.get("problem"));
    for (const row of list.querySelectorAll(".cd-row")) row.scrollLeft = row.scrollWidth;
  };
  el.classList.add("cd-widget");
  el.append(element("h4", {}, [model.get("topic")]), scrolling(`Partitions of ${model.get("topic")}`, [list]), problem);
  roving(list, ".cd-record", "ArrowRight", "ArrowLeft");
  const stops = [follow(model, ["lanes", "problem"], show), follow(selection, ["event_id"], show)];
  return () => stops.forEach((stop) => stop());
}
var lanes_default = { render };
export {
  lanes_default as default
};
