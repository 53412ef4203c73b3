// A host for widgets' views without a kernel: models as anywidget hands them over, and what each was asked to send.
class Model {
  constructor(state, manager) {
    this.state = state;
    this.sent = [];
    this.listeners = {};
    this.widget_manager = manager;
  }
  get(name) {
    return this.state[name];
  }
  set(name, value) {
    if (this.state[name] === value) return;
    this.state[name] = value;
    for (const listener of this.listeners[`change:${name}`] ?? []) listener();
  }
  save_changes() {}
  send(content) {
    this.sent.push(content);
  }
  on(event, listener) {
    (this.listeners[event] ??= new Set()).add(listener);
  }
  off(event, listener) {
    this.listeners[event]?.delete(listener);
  }
}

const selection = new Model({ event_id: "" });
const manager = { get_model: async (id) => (id === "shared" ? selection : undefined) };
window.models = { selection };

/** Show a view: its name, the text of its module, its state. */
window.mount = async (name, source, state) => {
  const model = new Model({ selection: "IPY_MODEL_shared", problem: "", ...state }, manager);
  const view = (await import(`data:text/javascript;charset=utf-8,${encodeURIComponent(source)}`)).default;
  const el = document.createElement("div");
  el.id = name;
  document.querySelector("main").append(el);
  window.models[name] = model;
  window.ends ??= {};
  window.ends[name] = await view.render({ model, el });
};
