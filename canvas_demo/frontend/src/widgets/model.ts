/** What a view needs of a widget's model (https://anywidget.dev/en/afm/). */
export interface Model<State> {
  get<Name extends keyof State & string>(name: Name): State[Name];
  on(event: string, callback: () => void): void;
  off(event: string, callback: () => void): void;
  send(content: unknown): void;
}

export interface RenderContext<State> {
  model: Model<State>;
  el: HTMLElement;
}

type Child = Node | string;

/** An element with attributes and children. */
export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Record<string, string> = {},
  children: Child[] = [],
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** The same of SVG. */
export function svg(tag: string, attributes: Record<string, string | number> = {}, children: Child[] = []): SVGElement {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  made.append(...children);
  return made;
}

/** Names and values, as a description list. */
export function facts(of: Record<string, unknown>): HTMLDListElement {
  const rows = Object.entries(of).map(([name, value]) => {
    const text = typeof value === "string" ? value : JSON.stringify(value, null, 1);
    return element("div", {}, [element("dt", {}, [name]), element("dd", {}, [text])]);
  });
  return element("dl", { class: "cd-facts" }, rows);
}
