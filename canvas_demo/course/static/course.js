// Generated from canvas_demo/frontend by `npm run build`; do not edit.

// src/course/course.ts
var STATE = "application/vnd.jupyter.widget-state+json";
var VIEW = "application/vnd.jupyter.widget-view+json";
function scripts(kind) {
  return [...document.querySelectorAll(`script[type="${kind}"]`)];
}
function modelsOf(saved2) {
  const models2 = /* @__PURE__ */ new Map();
  const widget_manager = { get_model: async (id) => models2.get(id) };
  for (const [id, { state }] of Object.entries(saved2)) {
    const values = { ...state };
    const listeners = /* @__PURE__ */ new Map();
    models2.set(id, {
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
      send: () => void 0,
      unheard: true,
      widget_manager
    });
  }
  return models2;
}
async function show(script) {
  const { model_id } = JSON.parse(script.textContent ?? "{}");
  const [state, model] = [saved[model_id]?.state, models.get(model_id)];
  if (!state?._esm || !model) return;
  const url = URL.createObjectURL(new Blob([state._esm], { type: "text/javascript" }));
  const module = await import(url);
  URL.revokeObjectURL(url);
  const view = typeof module.default === "function" ? await module.default() : module.default;
  const style = document.createElement("style");
  style.textContent = state._css ?? "";
  const el = document.createElement("div");
  script.replaceWith(style, el);
  await view.render({ model, el });
}
var saved = Object.assign(
  {},
  ...scripts(STATE).map((script) => JSON.parse(script.textContent ?? "{}").state)
);
var models = modelsOf(saved);
await Promise.all(scripts(VIEW).map(show));
document.documentElement.dataset["widgets"] = "shown";
