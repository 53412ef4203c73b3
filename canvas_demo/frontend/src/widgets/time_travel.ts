/** A stream's versions on a slider: the event that led to each, and the state that it led to. */
import { button, element, facts, scrolling } from "./dom";
import { follow, select, selectionOf, type RenderContext, type Selecting } from "./model";

interface Version {
  version: number;
  event_type: string;
  event_id: string;
  at: string;
  payload: unknown;
  state: Record<string, unknown>;
}

interface State extends Selecting {
  title: string;
  versions: Version[];
  version: number;
}

type Leaves = Record<string, string>;

/** A state as paths and values, so that two can be compared. */
function leaves(value: unknown, path = ""): Leaves {
  if (value === null || typeof value !== "object") return { [path]: JSON.stringify(value) ?? "" };
  const parts = Object.entries(value).map(([name, part]) => leaves(part, path ? `${path}.${name}` : name));
  return parts.length ? Object.assign({}, ...parts) : { [path]: Array.isArray(value) ? "[]" : "{}" };
}

function rows(before: Leaves, after: Leaves): HTMLElement[] {
  const paths = [...new Set([...Object.keys(before), ...Object.keys(after)])].filter((path) => path !== "");
  return paths.map((path) => {
    const [old, now] = [before[path], after[path]];
    const change = old === now ? "same" : old === undefined ? "new" : now === undefined ? "gone" : "changed";
    return element("tr", { "data-change": change }, [
      element("th", { scope: "row" }, [path]),
      element("td", {}, [old ?? "–"]),
      element("td", {}, [now ?? "–"]),
      element("td", {}, [change === "same" ? "" : change]),
    ]);
  });
}

async function render({ model, el }: RenderContext<State>): Promise<() => void> {
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

  const shown = (): Version | undefined => model.get("versions").find(({ version }) => version === model.get("version"));
  const go = (version: number): void => {
    const versions = model.get("versions");
    const within = Math.max(versions[0]?.version ?? 0, Math.min(versions.at(-1)?.version ?? 0, version));
    model.set("version", within);
    model.save_changes();
  };
  const show = (): void => {
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
    event,
  );
  const stops = [follow(model, ["versions", "version"], show), follow(selection, ["event_id"], show)];
  return () => stops.forEach((stop) => stop());
}

export default { render };
