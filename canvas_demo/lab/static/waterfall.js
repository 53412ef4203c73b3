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
function button(label, act, attributes = {}) {
  const made = element("button", { type: "button", class: "cd-button", ...attributes }, [label]);
  made.addEventListener("click", act);
  return made;
}
function facts(of) {
  const rows = Object.entries(of).map(([name, value]) => {
    const text = typeof value === "string" ? value : JSON.stringify(value, null, 1);
    return element("div", {}, [element("dt", {}, [name]), element("dd", {}, [text])]);
  });
  return element("dl", { class: "cd-facts" }, rows);
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

// src/widgets/waterfall.ts
async function render({ model, el }) {
  const selection = await selectionOf(model);
  let selected = -1;
  const heading = element("h4", { class: "cd-heading" });
  const list = element("ol", { class: "cd-bars" });
  const axis = element("div", { class: "cd-axis", "aria-hidden": "true" });
  const detail = element("div", { class: "cd-detail", "aria-live": "polite" });
  const mark = button("Mark this event in every view", () => select(selection, model.get("event_id")));
  const choose = (index) => {
    selected = selected === index ? -1 : index;
    show();
  };
  const show = () => {
    const bars = model.get("bars");
    const start = Math.min(...bars.map((bar2) => bar2.from_ms));
    const end = Math.max(...bars.map((bar2) => bar2.latest_ms));
    const percent = (ms) => `${100 * (ms - start) / (end - start || 1)}%`;
    const width = (from, to) => `${100 * (to - from) / (end - start || 1)}%`;
    heading.textContent = model.get("title");
    mark.setAttribute("aria-pressed", String(model.get("event_id") === selection.get("event_id")));
    replace(
      list,
      bars.map((bar2, index) => {
        const certain = element("span", {
          class: "cd-bar",
          style: `left:${percent(bar2.from_ms)};width:${width(bar2.from_ms, Math.max(bar2.from_ms, bar2.to_ms))}`
        });
        const blurred = element("span", {
          class: "cd-bar cd-blurred",
          style: `left:${percent(Math.max(bar2.from_ms, bar2.to_ms))};width:${width(Math.max(bar2.from_ms, bar2.to_ms), bar2.latest_ms)}`
        });
        const zero = element("span", { class: "cd-zero", style: `left:${percent(0)}` });
        const line = element("button", { type: "button", "data-key": index, "aria-pressed": String(index === selected) }, [
          element("span", { class: "cd-name" }, [bar2.name]),
          element("span", { class: "cd-track", "aria-hidden": "true" }, [zero, certain, blurred]),
          element("span", { class: "cd-took" }, [bar2.took])
        ]);
        line.addEventListener("click", () => choose(index));
        return element("li", {}, [line]);
      })
    );
    axis.replaceChildren(
      element("span", {}, [`${start.toFixed(1)} ms`]),
      element("span", {}, ["commit = 0"]),
      element("span", {}, [`${end.toFixed(1)} ms`])
    );
    const bar = bars[selected];
    const about = bar && {
      after: bar.after || "nothing: the journey begins",
      "since the commit": `${bar.to_ms.toFixed(3)} ms`,
      "who says so": bar.stamp,
      ...bar.evidence
    };
    detail.replaceChildren(
      ...bar && about ? [element("h5", {}, [bar.name]), facts(about)] : ["Select a hop to see the evidence behind it."]
    );
  };
  el.classList.add("cd-widget");
  el.append(heading, list, axis, element("div", { class: "cd-tools" }, [mark]), detail);
  roving(list, "button", "ArrowDown", "ArrowUp");
  const stops = [follow(model, ["bars"], show), follow(selection, ["event_id"], show)];
  return () => stops.forEach((stop) => stop());
}
var waterfall_default = { render };
export {
  waterfall_default as default
};
