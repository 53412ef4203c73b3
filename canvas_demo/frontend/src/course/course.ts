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

/** The page's models: their values are those that were saved, and those that a view sets. Nobody answers them. */
function modelsOf(saved: Record<string, Saved>): Map<string, Model<Record<string, unknown>>> {
  const models = new Map<string, Model<Record<string, unknown>>>();
  const widget_manager = { get_model: async (id: string) => models.get(id) };
  for (const [id, { state }] of Object.entries(saved)) {
    const values = { ...state };
    const listeners = new Map<string, Set<() => void>>();
    models.set(id, {
      get: (name: string) => values[name],
      set: (name: string, value: unknown) => {
        values[name] = value;
        for (const callback of listeners.get(`change:${name}`) ?? []) callback();
      },
      save_changes: () => undefined,
      on: (event: string, callback: () => void) => {
        listeners.set(event, (listeners.get(event) ?? new Set<() => void>()).add(callback));
      },
      off: (event: string, callback: () => void) => void listeners.get(event)?.delete(callback),
      send: () => undefined,
      unheard: true,
      widget_manager,
    });
  }
  return models;
}

/** Show one widget where its script stands; the text that the notebook holds stays where that can't be. */
async function show(script: HTMLScriptElement): Promise<void> {
  const { model_id } = JSON.parse(script.textContent ?? "{}") as { model_id: string };
  const [state, model] = [saved[model_id]?.state, models.get(model_id)];
  if (!state?._esm || !model) return;
  const url = URL.createObjectURL(new Blob([state._esm], { type: "text/javascript" }));
  const module = (await import(url)) as { default: View | (() => View | Promise<View>) };
  URL.revokeObjectURL(url);
  const view = typeof module.default === "function" ? await module.default() : module.default;
  const style = document.createElement("style");
  style.textContent = state._css ?? "";
  const el = document.createElement("div");
  script.replaceWith(style, el);
  await view.render({ model, el });
}

const saved = Object.assign(
  {},
  ...scripts(STATE).map((script) => (JSON.parse(script.textContent ?? "{}") as { state: object }).state),
) as Record<string, Saved>;
const models = modelsOf(saved);
await Promise.all(scripts(VIEW).map(show));
document.documentElement.dataset["widgets"] = "shown";
