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
function announcement() {
  return element("p", { class: "cd-note", role: "status" });
}
function say(place, text) {
  if (place.textContent !== text) place.textContent = text;
}
function bytes(count) {
  const units = ["B", "KiB", "MiB", "GiB"];
  const power = count < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(count) / 10));
  const value = count / 2 ** (10 * power);
  return `${power && value < 100 ? value.toFixed(1) : Math.round(value)} ${units[power]}`;
}

// src/widgets/model.ts
function follow(model, names, show) {
  for (const name of names) model.on(`change:${name}`, show);
  show();
  return () => {
    for (const name of names) model.off(`change:${name}`, show);
  };
}

// src/widgets/slot_gauge.ts
var WIDTH = 640;
var HEIGHT = 150;
var LEFT = 70;
var BOTTOM = 22;
function path(points, x, y, of) {
  return points.map((point, at) => `${at ? "L" : "M"}${x(point.at).toFixed(1)} ${y(point[of]).toFixed(1)}`).join("");
}
function chart(points, slot) {
  const first = points[0]?.at ?? 0;
  const last = points.at(-1)?.at ?? 1;
  const most = Math.max(1024, ...points.map(({ retained, lag }) => Math.max(retained, lag)));
  const x = (at) => LEFT + (WIDTH - LEFT - 10) * (at - first) / (last - first || 1);
  const y = (of) => HEIGHT - BOTTOM - (HEIGHT - BOTTOM - 12) * of / most;
  const line = path(points, x, y, "retained");
  const area = points.length ? `${line}L${x(last)} ${y(0)}L${x(first)} ${y(0)}Z` : "";
  const now = points.at(-1);
  const label = now ? `Slot ${slot}: ${bytes(now.retained)} of log retained, reader ${bytes(now.lag)} behind, over ${Math.round(last - first)} seconds` : `Slot ${slot}: nothing seen yet`;
  return svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": label, class: "cd-chart" }, [
    svg("path", { d: area, class: "cd-area" }),
    svg("path", { d: line, class: "cd-line" }),
    svg("path", { d: path(points, x, y, "lag"), class: "cd-line cd-second" }),
    svg("path", { d: `M${LEFT} 8V${HEIGHT - BOTTOM}H${WIDTH - 10}`, class: "cd-axes" }),
    svg("text", { x: LEFT - 6, y: 16, "text-anchor": "end", class: "cd-label" }, [bytes(most)]),
    svg("text", { x: LEFT - 6, y: HEIGHT - BOTTOM, "text-anchor": "end", class: "cd-label" }, ["0"]),
    svg("text", { x: LEFT, y: HEIGHT - 6, class: "cd-label" }, [`${Math.round(first)} s`]),
    svg("text", { x: WIDTH - 10, y: HEIGHT - 6, "text-anchor": "end", class: "cd-label" }, [`${Math.round(last)} s`])
  ]);
}
function render({ model, el }) {
  const picture = element("div");
  const legend = element("p", { class: "cd-legend" }, [
    element("span", { class: "cd-key" }, ["WAL that the slot retains (from restart_lsn)"]),
    element("span", { class: "cd-key cd-second" }, ["reader behind (from confirmed_flush_lsn)"])
  ]);
  const detail = element("div");
  const problem = announcement();
  const show = () => {
    picture.replaceChildren(chart(model.get("points"), model.get("slot")));
    detail.replaceChildren(facts(model.get("facts")));
    say(problem, model.get("problem"));
  };
  el.classList.add("cd-widget");
  el.append(element("h4", {}, [`Slot ${model.get("slot")}`]), picture, legend, detail, problem);
  return follow(model, ["points", "facts", "problem"], show);
}
var slot_gauge_default = { render };
export {
  slot_gauge_default as default
};
