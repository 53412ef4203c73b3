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
function svg(tag, attributes = {}, children = []) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
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

// src/widgets/system_map.ts
var WIDTH = 900;
var HEIGHT = 392;
var REFRESH = 2e3;
var box = (x, y, width = 150, height = 54) => ({ x, y, width, height });
var BOXES = {
  you: box(14, 62, 110),
  gateway: box(220, 62),
  identity: box(434, 32, 142),
  keys: box(588, 32, 142),
  canvases: box(742, 32, 142),
  files: box(434, 98, 142),
  websockets: box(588, 98, 142),
  notifications: box(742, 98, 142),
  kafka: box(734, 318),
  connect: box(434, 318, 150),
  postgres: box(124, 318)
};
var WAYS = [
  { id: "http", path: "M124 80 H214", label: "HTTP", at: [169, 73], anchor: "middle" },
  { id: "grpc", path: "M370 80 H414", label: "gRPC", at: [392, 73], anchor: "middle" },
  { id: "frames", path: "M420 140 H69 V122", label: "websocket frames", at: [244, 156], anchor: "middle" },
  { id: "commits", path: "M470 178 C470 250 200 230 200 312", label: "one transaction: state row + outbox row", at: [14, 232], anchor: "start" },
  { id: "wal", path: "M274 345 H428", label: "WAL", at: [351, 338], anchor: "middle" },
  { id: "records", path: "M584 345 H728", label: "records", at: [656, 338], anchor: "middle" },
  { id: "consumers", path: "M812 318 V184", label: "consumer groups", at: [804, 252], anchor: "end" }
];
var MOST_DOTS = 6;
function draw(part, at, selected, select) {
  const group = svg(
    "g",
    {
      class: "cd-part",
      role: "button",
      tabindex: 0,
      "data-key": part.id,
      "data-state": part.state,
      "data-mood": mood(part.state),
      "aria-pressed": String(selected),
      "aria-label": part.state ? `${part.title}: ${part.state}` : part.title,
      transform: `translate(${at.x} ${at.y})`
    },
    [
      svg("rect", { width: at.width, height: at.height, rx: 8 }),
      svg("text", { x: 12, y: 23, class: "cd-title" }, [part.title]),
      svg("text", { x: 12, y: 42, class: "cd-state" }, [`${sign(part.state)} ${part.state}`.trim()])
    ]
  );
  return pressable(group, () => select(part.id));
}
function dot(path, when) {
  return svg("circle", { r: 4, class: "cd-dot", visibility: "hidden" }, [
    svg("animateMotion", { path, ...when }),
    svg("set", { attributeName: "visibility", to: "visible", ...when })
  ]);
}
function moving({ path, at, anchor }, flow) {
  const [x, y] = at;
  const dots = Array.from(
    { length: Math.min(MOST_DOTS, flow.count) },
    (_, number) => dot(path, { begin: `${number * 0.16}s`, dur: "1.1s" })
  );
  const told = svg("text", { x, y: y + 30, class: "cd-count", "text-anchor": anchor ?? "start" }, [`${flow.count} ${flow.what}`]);
  return [...dots, told];
}
function picture(parts, selected, select) {
  const arrow = svg("marker", { id: "cd-arrow", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto" }, [
    svg("path", { d: "M0 0 L8 4 L0 8 z", class: "cd-head" })
  ]);
  const ways = WAYS.flatMap(({ path, label, at, anchor }) => [
    svg("path", { d: path, class: "cd-way", "marker-end": "url(#cd-arrow)" }),
    svg("text", { x: at[0], y: at[1], class: "cd-label", "text-anchor": anchor ?? "start" }, [label])
  ]);
  const modules = [
    svg("rect", { x: 420, y: 8, width: 474, height: 170, rx: 12, class: "cd-group" }),
    svg("text", { x: 434, y: 24, class: "cd-label" }, ["modules"])
  ];
  const drawn = parts.flatMap((part) => {
    const at = BOXES[part.id];
    return at ? [draw(part, at, part.id === selected, select)] : [];
  });
  return [svg("defs", {}, [arrow]), ...ways, ...modules, ...drawn];
}
function render({ model, el }) {
  let selected = "";
  let asked = false;
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const drawing = svg("g");
  const traffic = svg("g", { class: still ? "cd-still" : "", "aria-hidden": "true" });
  const picturing = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "group", "aria-label": "Map of the system" }, [drawing, traffic]);
  const map = element("div", { class: "cd-map cd-scroll" }, [picturing]);
  const lately = element("p", { class: "cd-note" });
  const note = announcement();
  const detail = element("div", { class: "cd-detail", "aria-live": "polite" });
  const choose = (id) => {
    selected = selected === id ? "" : id;
    show();
  };
  const show = () => {
    asked = false;
    const parts = model.get("parts");
    replace(drawing, picture(parts, selected, choose));
    const shown = parts.find((part) => part.id === selected);
    const hint = "Select a part to see what it does and where it is.";
    detail.replaceChildren(...shown ? [element("h5", {}, [shown.title]), facts(shown.facts)] : [hint]);
    say(note, model.get("problem"));
  };
  const flow = () => {
    asked = false;
    const flows = model.get("flows").filter(({ count }) => count > 0);
    traffic.replaceChildren(
      ...flows.flatMap((of) => {
        const way = WAYS.find(({ id }) => id === of.way);
        return way ? moving(way, of) : [];
      })
    );
    if (!still) picturing.setCurrentTime(0);
    const told = flows.map(({ count, what }) => `${count} ${what}`).join(", ");
    say(lately, `as of ${model.get("seen_at")}: ${told || "nothing moves"}`);
  };
  const refresh = () => {
    if (asked || document.hidden || !el.isConnected) return;
    asked = true;
    model.send({ type: "refresh" });
  };
  el.classList.add("cd-widget");
  el.append(map, lately, detail, note);
  const stops = [follow(model, ["parts", "problem"], show), follow(model, ["flows", "seen_at"], flow)];
  const timer = setInterval(refresh, REFRESH);
  return () => {
    clearInterval(timer);
    stops.forEach((stop) => stop());
  };
}
var system_map_default = { render };
export {
  system_map_default as default
};
