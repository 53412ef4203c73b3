/** What comes, as it comes: the one table of outbox rows, Kafka records, CDC envelopes and websocket frames. */
import { announcement, button, element, facts, field, pressable, replace, roving, say, scrolling } from "./dom";
import { follow, select, selectionOf, type RenderContext, type Selecting } from "./model";

interface Row {
  seq: number;
  /** The event's id; empty for what is no event. */
  id: string;
  key: string;
  type: string;
  headers: Record<string, string>;
  cells: string[];
  /** As it is where it was found. */
  raw: string;
  /** The same for reading. */
  pretty: Record<string, unknown>;
}

interface State extends Selecting {
  title: string;
  columns: string[];
  rows: Row[];
  paused: boolean;
  raw: boolean;
  filter_key: string;
  filter_type: string;
  filter_header: string;
  problem: string;
}

const FILTERS = [
  ["filter_key", "Key", ""],
  ["filter_type", "Type", ""],
  ["filter_header", "Header", "name=value"],
] as const;

const has = (text: string, part: string): boolean => text.toLowerCase().includes(part.trim().toLowerCase());

/** "name=value" asks for a header whose name and value hold these; a text alone may be in either. */
export function hasHeader(headers: Record<string, string>, wanted: string): boolean {
  const [name = "", ...rest] = wanted.split("=");
  if (!rest.length) return Object.entries(headers).some(([key, value]) => has(`${key}=${value}`, wanted));
  return Object.entries(headers).some(([key, value]) => has(key, name) && has(value, rest.join("=")));
}

async function render({ model, el }: RenderContext<State>): Promise<() => void> {
  const selection = await selectionOf(model);
  /** The last row that was there when this view was paused. */
  let last = Infinity;

  const heading = element("h4", {}, [model.get("title")]);
  const pause = button("Pause", () => put("paused", !model.get("paused")));
  const raw = button("Raw", () => put("raw", !model.get("raw")));
  const inputs = FILTERS.map(([name, label, hint]) => {
    const [box, input] = field(label, (text) => put(name, text), hint);
    return { name, box, input };
  });
  const head = element("thead");
  const body = element("tbody");
  const table = element("table", { class: "cd-table", role: "grid", "aria-label": model.get("title") }, [head, body]);
  const count = element("p", { class: "cd-note" });
  const status = announcement();
  const detail = element("div", { class: "cd-detail", role: "group", "aria-label": "Selected" });

  function put<Name extends keyof State & string>(name: Name, value: State[Name]): void {
    model.set(name, value);
    model.save_changes();
  }

  const fits = (row: Row): boolean =>
    has(row.key, model.get("filter_key")) &&
    has(row.type, model.get("filter_type")) &&
    (!model.get("filter_header").trim() || hasHeader(row.headers, model.get("filter_header")));

  const line = (row: Row, first: boolean): HTMLElement => {
    const chosen = row.id !== "" && row.id === selection.get("event_id");
    const cells = model.get("raw")
      ? [element("td", { colspan: model.get("columns").length, class: "cd-raw" }, [row.raw])]
      : row.cells.map((cell) => element("td", {}, [cell]));
    const made = element(
      "tr",
      { "data-key": row.seq, "data-event": row.id, "aria-selected": String(chosen), tabindex: first ? 0 : -1 },
      cells,
    );
    return row.id ? pressable(made, () => select(selection, row.id)) : made;
  };

  const show = (): void => {
    const rows = model.get("rows");
    const end = rows.at(-1)?.seq ?? -1;
    if (!model.get("paused")) last = Infinity;
    else if (last === Infinity) last = end;
    const waiting = rows.filter((row) => row.seq > last && fits(row)).length;
    const shown = rows.filter((row) => row.seq <= last && fits(row)).reverse();

    pause.textContent = model.get("paused") ? (waiting ? `Go on (${waiting} waiting)` : "Go on") : "Pause";
    pause.setAttribute("aria-pressed", String(model.get("paused")));
    raw.setAttribute("aria-pressed", String(model.get("raw")));
    for (const { name, input } of inputs) if (input.value !== model.get(name)) input.value = model.get(name);

    const columns = model.get("raw") ? ["as it is"] : model.get("columns");
    head.replaceChildren(
      element("tr", {}, columns.map((name) => element("th", { scope: "col", colspan: model.get("raw") ? model.get("columns").length : 1 }, [name]))),
    );
    const empty = element("tr", {}, [
      element("td", { colspan: columns.length, class: "cd-empty" }, [rows.length ? "Nothing fits the filter." : "Nothing yet."]),
    ]);
    replace(body, shown.length ? shown.map((row, at) => line(row, at === 0)) : [empty]);
    say(count, `${shown.length} of ${rows.length} shown, the newest first`);

    const chosen = rows.findLast((row) => row.id !== "" && row.id === selection.get("event_id"));
    const about = chosen && [
      element("h5", {}, [`${chosen.type || "Selected"} ${chosen.id}`]),
      model.get("raw") ? element("pre", {}, [chosen.raw]) : facts(chosen.pretty),
    ];
    detail.replaceChildren(...(about ?? ["Select a row: the same event is then marked in every view of this lab."]));
    say(status, model.get("problem") || (model.get("paused") ? `paused, ${waiting} waiting` : ""));
  };

  el.classList.add("cd-widget");
  const tools = element("div", { class: "cd-tools" }, [pause, raw, ...inputs.map(({ box }) => box)]);
  el.append(heading, tools, scrolling(model.get("title"), [table]), count, status, detail);
  roving(body, "tr[data-key]", "ArrowDown", "ArrowUp");
  const names: (keyof State & string)[] = ["rows", "paused", "raw", "filter_key", "filter_type", "filter_header", "problem"];
  const stops = [follow(model, names, show), follow(selection, ["event_id"], show)];
  return () => stops.forEach((stop) => stop());
}

export default { render };
