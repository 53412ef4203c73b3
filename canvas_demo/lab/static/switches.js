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
function replace(parent, children) {
  const focused = parent.contains(document.activeElement) ? document.activeElement.dataset["key"] : void 0;
  parent.replaceChildren(...children);
  if (focused === void 0) return;
  parent.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
}
function announcement() {
  return element("p", { class: "cd-note", role: "status" });
}
function say(place, text) {
  if (place.textContent !== text) place.textContent = text;
}

// src/widgets/model.ts
function follow(model, names, show) {
  for (const name of names) model.on(`change:${name}`, show);
  show();
  return () => {
    for (const name of names) model.off(`change:${name}`, show);
  };
}

// src/widgets/states.ts
var SIGNS = {
  running: "●",
  SERVING: "●",
  done: "●",
  starting: "◐",
  waiting: "◐",
  restarting: "↻",
  paused: "❙❙",
  stopping: "◌",
  stopped: "○",
  failed: "✕",
  NOT_SERVING: "✕"
};
var MOODS = {
  running: "good",
  SERVING: "good",
  done: "good",
  paused: "frozen",
  stopped: "bad",
  failed: "bad",
  NOT_SERVING: "bad"
};
var sign = (state) => state ? SIGNS[state] ?? "?" : "";
var mood = (state) => state ? MOODS[state] ?? "warn" : "none";

// src/widgets/switches.ts
var SAID = {
  paused: "frozen (SIGSTOP): alive, and answers nobody",
  stopped: "dead: no process, its ports are closed",
  restarting: "dead: it is started again soon"
};
function render({ model, el }) {
  const list = element("ul", { class: "cd-switches" });
  const said = announcement();
  const card = (part) => {
    const { component: name, state } = part;
    const about = [SAID[state] ?? "", part.pid ? `process ${part.pid}` : "", part.restarts ? `started again ${part.restarts}×` : ""];
    const orders = part.orders.map(
      (order) => button(order, () => model.send({ type: "order", order, name }), {
        "aria-label": `${order} ${name}`,
        "data-key": `${order} ${name}`,
        "data-order": order
      })
    );
    return element("li", { "data-state": state, "data-mood": mood(state) }, [
      element("b", {}, [name]),
      element("span", { class: "cd-state" }, [`${sign(state)} ${state}`]),
      element("small", {}, [about.filter(Boolean).join(" · ")]),
      element("span", { class: "cd-orders", role: "group", "aria-label": name }, orders)
    ]);
  };
  const show = () => {
    replace(list, model.get("parts").map(card));
    say(said, model.get("problem") || model.get("said"));
  };
  el.classList.add("cd-widget");
  el.append(element("h4", {}, ["Break and mend"]), list, said);
  return follow(model, ["parts", "said", "problem"], show);
}
var switches_default = { render };
export {
  switches_default as default
};
