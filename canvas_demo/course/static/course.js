// Generated from canvas_demo/frontend by `npm run build`; do not edit.

// src/course/course.ts
var STATE = "application/vnd.jupyter.widget-state+json";
var VIEW = "application/vnd.jupyter.widget-view+json";
function scripts(kind) {
  return [...document.querySelectorAll(`script[type="${kind}"]`)];
}
function modelOf(state) {
  const values = { ...state };
  const listeners = /* @__PURE__ */ new Map();
  const model = {
    get: (name) => values[name],
    set: (name, value) => {
      values[name] = value;
      for (const callback of listeners.get(`change:${name}`) ?? []) callback();
    },
    save_changes: () => void 0,
    on: (event, callback) => {
      listeners.set(event, (listeners.get(event) ?? /* @__PURE__ */ new Set()).add(callback));
    },
    off: (event, callback) => void listeners.get(event)?.delete(callback),
    send: () => void 0
  };
  return model;
}
async function show(script, models2) {
  const { model_id } = JSON.parse(script.textContent ?? "{}");
  const saved = models2[model_id];
  if (!saved?.state._esm) return;
  const url = URL.createObjectURL(new Blob([saved.state._esm], { type: "text/javascript" }));
  const module = await import(url);
  URL.revokeObjectURL(url);
  const view = typeof module.default === "function" ? await module.default() : module.default;
  const style = document.createElement("style");
  style.textContent = saved.state._css ?? "";
  const el = document.createElement("div");
  script.replaceWith(style, el);
  await view.render({ model: modelOf(saved.state), el });
}
var models = Object.assign(
  {},
  ...scripts(STATE).map((script) => JSON.parse(script.textContent ?? "{}").state)
);
await Promise.all(scripts(VIEW).map((script) => show(script, models)));
document.documentElement.dataset["widgets"] = "shown";
