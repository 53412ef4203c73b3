/** Elements, and the small controls that all views are made of. */

export type Child = Node | string;
type Attributes = Record<string, string | number | boolean | undefined>;

function fill<Made extends Element>(made: Made, attributes: Attributes, children: Child[]): Made {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children);
  return made;
}

/** An element with attributes and children; an attribute that is undefined or false is left out. */
export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  children: Child[] = [],
): HTMLElementTagNameMap[Tag] {
  return fill(document.createElement(tag), attributes, children);
}

/** The same of SVG. */
export function svg(tag: string, attributes: Attributes = {}, children: Child[] = []): SVGElement {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

/** A button that does something. */
export function button(label: string, act: () => void, attributes: Attributes = {}): HTMLButtonElement {
  const made = element("button", { type: "button", class: "cd-button", ...attributes }, [label]);
  made.addEventListener("click", act);
  return made;
}

let labels = 0;

/** A field for a text, with its label. */
export function field(label: string, change: (text: string) => void, hint = ""): [HTMLElement, HTMLInputElement] {
  const id = `cd-field-${(labels += 1)}`;
  const input = element("input", { id, type: "search", placeholder: hint, autocomplete: "off", spellcheck: "false" });
  input.addEventListener("input", () => change(input.value));
  return [element("div", { class: "cd-field" }, [element("label", { for: id }, [label]), input]), input];
}

/** Names and values, as a description list. */
export function facts(of: Record<string, unknown>): HTMLDListElement {
  const rows = Object.entries(of).map(([name, value]) => {
    const text = typeof value === "string" ? value : JSON.stringify(value, null, 1);
    return element("div", {}, [element("dt", {}, [name]), element("dd", {}, [text])]);
  });
  return element("dl", { class: "cd-facts" }, rows);
}

/** A region that scrolls, and so must be reachable by keyboard. */
export function scrolling(label: string, children: Child[]): HTMLElement {
  return element("div", { class: "cd-scroll", role: "region", "aria-label": label, tabindex: 0 }, children);
}

/** Replace the children of an element; the focus stays on what bears the same data-key, or else on what that was in. */
export function replace(parent: Element, children: Child[]): void {
  const keys: string[] = [];
  for (let at = document.activeElement; at && at !== parent && parent.contains(at); at = at.parentElement) {
    const key = (at as HTMLElement | SVGElement).dataset["key"];
    if (key !== undefined) keys.push(key);
  }
  parent.replaceChildren(...children);
  for (const key of keys) {
    const found = parent.querySelector<HTMLElement>(`[data-key="${CSS.escape(key)}"]`);
    if (found) return found.focus({ preventScroll: true });
  }
}

/** Let the arrow keys move the focus among the elements that match; only one of them is in the order of Tab. */
export function roving(parent: HTMLElement, matching: string, next: string, previous: string): void {
  const all = (): HTMLElement[] => [...parent.querySelectorAll<HTMLElement>(matching)];
  const enter = (target: HTMLElement): void => {
    for (const each of all()) each.tabIndex = each === target ? 0 : -1;
  };
  parent.addEventListener("focusin", (event) => {
    const target = (event.target as HTMLElement).closest<HTMLElement>(matching);
    if (target) enter(target);
  });
  parent.addEventListener("keydown", (event) => {
    const found = all();
    const at = found.indexOf(document.activeElement as HTMLElement);
    if (at < 0) return;
    const to = { [next]: at + 1, [previous]: at - 1, Home: 0, End: found.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    found[Math.max(0, Math.min(found.length - 1, to))]?.focus();
  });
}

/** Let Enter and the space bar do what a click does, on what is no button. */
export function pressable<Made extends HTMLElement | SVGElement>(made: Made, act: () => void): Made {
  made.addEventListener("click", act);
  made.addEventListener("keydown", (event) => {
    const key = (event as KeyboardEvent).key;
    if (key !== "Enter" && key !== " ") return;
    event.preventDefault();
    act();
  });
  return made;
}

/** A line that a screen reader reads out when it changes. */
export function announcement(): HTMLElement {
  return element("p", { class: "cd-note", role: "status" });
}

/** Say something, where it is not what is said already. */
export function say(place: HTMLElement, text: string): void {
  if (place.textContent !== text) place.textContent = text;
}

/** A number of bytes, for people. */
export function bytes(count: number): string {
  const units = ["B", "KiB", "MiB", "GiB"];
  const power = count < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(count) / 10));
  const value = count / 2 ** (10 * power);
  return `${power && value < 100 ? value.toFixed(1) : Math.round(value)} ${units[power]}`;
}
