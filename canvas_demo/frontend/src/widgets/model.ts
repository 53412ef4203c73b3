/** What a view needs of a widget's model (https://anywidget.dev/en/afm/). */
export interface Model<State> {
  get<Name extends keyof State & string>(name: Name): State[Name];
  set<Name extends keyof State & string>(name: Name, value: State[Name]): void;
  save_changes(): void;
  on(event: string, callback: () => void): void;
  off(event: string, callback: () => void): void;
  send(content: unknown): void;
  /** In a page that was saved: nobody hears what is sent. */
  unheard?: boolean;
  /** Where a notebook keeps its other models; absent in the browser frontend, which hands models themselves. */
  widget_manager?: { get_model(id: string): Promise<unknown> };
}

export interface RenderContext<State> {
  model: Model<State>;
  el: HTMLElement;
}

/** The event that is selected, the same in every view of a lab. */
export interface Selection {
  event_id: string;
}

/** Views that share a selection name it: by "IPY_MODEL_" and its id in a notebook, by itself elsewhere. */
export interface Selecting {
  selection: string | Model<Selection> | null;
}

const REFERENCE = "IPY_MODEL_";

/** The shared selection of a view, or one of its own where there is none to share. */
export async function selectionOf(model: Model<Selecting>): Promise<Model<Selection>> {
  const named = model.get("selection");
  if (typeof named !== "string") return named ?? alone();
  const found = await model.widget_manager?.get_model(named.slice(REFERENCE.length));
  return found ? (found as Model<Selection>) : alone();
}

function alone(): Model<Selection> {
  const state: Selection = { event_id: "" };
  const listeners = new Set<() => void>();
  return {
    get: (name) => state[name],
    set: (name, value) => {
      state[name] = value;
      for (const listener of listeners) listener();
    },
    save_changes: () => undefined,
    on: (_event, callback) => void listeners.add(callback),
    off: (_event, callback) => void listeners.delete(callback),
    send: () => undefined,
  };
}

/** Select an event everywhere; the one that is selected already: nothing. */
export function select(selection: Model<Selection>, id: string): void {
  selection.set("event_id", selection.get("event_id") === id ? "" : id);
  selection.save_changes();
}

/** Call `show` now and whenever one of the names changes; returns how to stop. */
export function follow<State>(model: Model<State>, names: (keyof State & string)[], show: () => void): () => void {
  for (const name of names) model.on(`change:${name}`, show);
  show();
  return () => {
    for (const name of names) model.off(`change:${name}`, show);
  };
}
