/** Shows the widgets of a notebook's page from their saved state: no kernel, no network. */
import type { Model } from "../widgets/model";

interface Saved {
  model_name: string;
  state: Record<string, unknown> & { _esm?: string; _css?: string };
}
interface View {
  render(context: { model: Model<Record<string, unknown>>; el: HTMLElement }): unknown;
}

const STATE = "application/vnd.jupyter.widget-state+json";
const VIEW = "application/vnd.jupyter.widget-view+json";

/** What the page holds in its scripts of one kind. */
function scripts(kind: string): HTMLScriptElement[] {
  return [...document.querySelectorAll<HTMLScriptElement>(`script[type="${kind}"]`)];
}

/** A model that nobody answers: its values are those that were saved, and those that its view sets. */
function modelOf(state: Record<string, unknown>): Model<Record<string, unknown>> {
  const values = { ...state };
  const listeners = new Map<string, Set<() => void>>();
  const model = {
    get: (name: string) => values[name],
    set: (name: string, value: unknown) => {
      values[name] = value;
      for (const callback of listeners.get(`change:${name}`) ?? []) callback();
    },
    save_changes: () => undefined,
    on: (event: string, callback: () => void) => {
      listeners.set(event, (listeners.get(event) ?? new Set()).add(callback));
    },
    off: (event: string, callback: () => void) => void listeners.get(event)?.delete(callback),
    send: () => undefined,
  };
  return model;
}

/** Show one widget where its script stands; the text that the notebook holds stays where that can't be. */
async function show(script: HTMLScriptElement, models: Record<string, Saved>): Promise<void> {
  const { model_id } = JSON.parse(script.textContent ?? "{}") as { model_id: string };
  const saved = models[model_id];
  if (!saved?.state._esm) return;
  const url = URL.createObjectURL(new Blob([saved.state._esm], { type: "text/javascript" }));
  const module = (await import(url)) as { default: View | (() => View | Promise<View>) };
  URL.revokeObjectURL(url);
  const view = typeof module.default === "function" ? await module.default() : module.default;
  const style = document.createElement("style");
  style.textContent = saved.state._css ?? "";
  const el = document.createElement("div");
  script.replaceWith(style, el);
  await view.render({ model: modelOf(saved.state), el });
}

const models = Object.assign(
  {},
  ...scripts(STATE).map((script) => (JSON.parse(script.textContent ?? "{}") as { state: object }).state),
) as Record<string, Saved>;
await Promise.all(scripts(VIEW).map((script) => show(script, models)));
document.documentElement.dataset["widgets"] = "shown";
