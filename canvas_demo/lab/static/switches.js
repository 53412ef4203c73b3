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
var PATIENCE = 5e3;
function render({ model, el }) {
  let waiting = 0;
  const list = element("ul", { class: "cd-switches" });
  const said = announcement();
  const card = (part) => {
    const { component: name, state } = part;
    const about = [SAID[state] ?? "", part.pid ? `process ${part.pid}` : "", part.restarts ? `started again ${part.restarts}×` : ""];
    const orders = part.orders.map(
      (order) => button(order, () => send(order, name), {
        "aria-label": `${order} ${name}`,
        "data-key": `${order} ${name}`,
        "data-order": order,
        disabled: model.unheard
      })
    );
    return element("li", { "data-state": state, "data-mood": mood(state), "data-key": name, tabindex: -1 }, [
      element("b", {}, [name]),
      element("span", { class: "cd-state" }, [`${sign(state)} ${state}`]),
      element("small", {}, [about.filter(Boolean).join(" · ")]),
      element("span", { class: "cd-orders", role: "group", "aria-label": name }, orders)
    ]);
  };
  const send = (order, name) => {
    say(said, `${order} ${name}: asked for`);
    clearTimeout(waiting);
    waiting = window.setTimeout(() => {
      say(said, `${order} ${name}: no answer yet. The kernel is busy with a cell, or there is none: run the cells again.`);
    }, PATIENCE);
    model.send({ type: "order", order, name });
  };
  const show = () => replace(list, model.get("parts").map(card));
  const answer = () => {
    clearTimeout(waiting);
    say(said, model.unheard ? "Here nothing can be switched: this page was saved, and no kernel is behind it." : model.get("problem") || model.get("said"));
  };
  el.classList.add("cd-widget");
  el.append(element("h4", {}, ["Break and mend"]), list, said);
  const stops = [follow(model, ["parts"], show), follow(model, ["said", "problem"], answer)];
  return () => {
    clearTimeout(waiting);
    stops.forEach((stop) => stop());
  };
}
var switches_default = { render };
export {
  switches_default as default
};
