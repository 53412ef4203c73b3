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
  const rows2 = Object.entries(of).map(([name, value]) => {
    const text = typeof value === "string" ? value : JSON.stringify(value, null, 1);
    return element("div", {}, [element("dt", {}, [name]), element("dd", {}, [text])]);
  });
  return element("dl", { class: "cd-facts" }, rows2);
}
function scrolling(label, children) {
  return element("div", { class: "cd-scroll", role: "region", "aria-label": label, tabindex: 0 }, children);
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

// src/widgets/time_travel.ts
function leaves(value, path = "") {
  if (value === null || typeof value !== "object") return { [path]: JSON.stringify(value) ?? "" };
  const parts = Object.entries(value).map(([name, part]) => leaves(part, path ? `${path}.${name}` : name));
  return parts.length ? Object.assign({}, ...parts) : { [path]: Array.isArray(value) ? "[]" : "{}" };
}
function rows(before, after) {
  const paths = [.../* @__PURE__ */ new Set([...Object.keys(before), ...Object.keys(after)])].filter((path) => path !== "");
  return paths.map((path) => {
    const [old, now] = [before[path], after[path]];
    const change = old === now ? "same" : old === void 0 ? "new" : now === void 0 ? "gone" : "changed";
    return element("tr", { "data-change": change }, [
      element("th", { scope: "row" }, [path]),
      element("td", {}, [old ?? "–"]),
      element("td", {}, [now ?? "–"]),
      element("td", {}, [change === "same" ? "" : change])
    ]);
  });
}
async function render({ model, el }) {
  const selection = await selectionOf(model);
  const slider = element("input", { type: "range", step: 1, class: "cd-slider", "aria-label": "version" });
  const back = button("‹", () => go(model.get("version") - 1), { "aria-label": "one version back" });
  const forth = button("›", () => go(model.get("version") + 1), { "aria-label": "one version on" });
  const what = element("p", { class: "cd-what", role: "status" });
  const mark = button("Mark this event in every view", () => select(selection, shown()?.event_id ?? ""));
  const body = element("tbody");
  const names = ["part of the state", "before", "after", "change"].map((name) => element("th", { scope: "col" }, [name]));
  const table = element("table", { class: "cd-table" }, [element("thead", {}, [element("tr", {}, names)]), body]);
  const event = element("div", { class: "cd-detail", role: "group", "aria-label": "The event" });
  const shown = () => model.get("versions").find(({ version }) => version === model.get("version"));
  const go = (version) => {
    const versions = model.get("versions");
    const within = Math.max(versions[0]?.version ?? 0, Math.min(versions.at(-1)?.version ?? 0, version));
    model.set("version", within);
    model.save_changes();
  };
  const show = () => {
    const versions = model.get("versions");
    const now = shown();
    slider.min = String(versions[0]?.version ?? 0);
    slider.max = String(versions.at(-1)?.version ?? 0);
    slider.value = String(model.get("version"));
    back.disabled = now === versions[0];
    forth.disabled = now === versions.at(-1);
    if (!now) return what.replaceChildren("No version yet.");
    slider.setAttribute("aria-valuetext", `version ${now.version}: ${now.event_type}`);
    what.replaceChildren(element("b", {}, [`version ${now.version} of ${versions.at(-1)?.version}`]), ` · ${now.event_type} · ${now.at}`);
    const before = versions[versions.indexOf(now) - 1]?.state ?? {};
    body.replaceChildren(...rows(leaves(before), leaves(now.state)));
    mark.setAttribute("aria-pressed", String(selection.get("event_id") === now.event_id));
    event.replaceChildren(element("h5", {}, ["The event"]), facts({ type: now.event_type, id: now.event_id, payload: now.payload }));
  };
  slider.addEventListener("input", () => go(Number(slider.value)));
  el.classList.add("cd-widget");
  el.append(
    element("h4", {}, [model.get("title")]),
    element("div", { class: "cd-tools" }, [back, slider, forth, mark]),
    what,
    scrolling("State before and after", [table]),
    event
  );
  const stops = [follow(model, ["versions", "version"], show), follow(selection, ["event_id"], show)];
  return () => stops.forEach((stop) => stop());
}
var time_travel_default = { render };
export {
  time_travel_default as default
};
