/** Who got what: events down, websocket clients across. */
import { announcement, element, pressable, replace, roving, say, scrolling } from "./dom";
import { follow, select, selectionOf, type RenderContext, type Selecting } from "./model";

interface Client {
  name: string;
  host: string;
  state: string;
}

interface Delivery {
  id: string;
  type: string;
  /** A client's place → how often it was sent the event, and how many milliseconds after the first of them. */
  cells: { count: number; after_ms: number | null; owed: boolean }[];
}

interface State extends Selecting {
  clients: Client[];
  events: Delivery[];
  problem: string;
}

const told = (count: number, after: number | null, owed: boolean): [string, string] => {
  if (count === 0) return owed ? ["missing", "✕ not yet"] : ["none", "not subscribed"];
  const when = after === null ? "" : ` +${after.toFixed(1)} ms`;
  return count === 1 ? ["once", `✓${when}`] : ["more", `✓ ×${count}${when}`];
};

async function render({ model, el }: RenderContext<State>): Promise<() => void> {
  const selection = await selectionOf(model);
  const head = element("thead");
  const body = element("tbody");
  const table = element("table", { class: "cd-table cd-matrix", role: "grid", "aria-label": "Who got what" }, [head, body]);
  const sum = element("p", { class: "cd-note" });
  const problem = announcement();

  const show = (): void => {
    const clients = model.get("clients");
    const columns = clients.map(({ name, host, state }) =>
      element("th", { scope: "col" }, [name, element("small", {}, [`host ${host}, ${state}`])]),
    );
    head.replaceChildren(element("tr", {}, [element("th", { scope: "col" }, ["event"]), ...columns]));
    const line = ({ id, type, cells }: Delivery, at: number): HTMLElement =>
      pressable(
        element(
          "tr",
          { "data-key": id, "data-event": id, "aria-selected": String(id === selection.get("event_id")), tabindex: at ? -1 : 0 },
          [
            element("th", { scope: "row" }, [type, element("small", {}, [id.slice(0, 8)])]),
            ...cells.map(({ count, after_ms, owed }) => {
              const [kind, text] = told(count, after_ms, owed);
              return element("td", { "data-told": kind }, [text]);
            }),
          ],
        ),
        () => select(selection, id),
      );
    const events = model.get("events").toReversed();
    replace(body, events.map(line));
    const all = events.flatMap(({ cells }) => cells).filter(({ owed }) => owed);
    const missing = all.filter(({ count }) => count === 0).length;
    const twice = all.filter(({ count }) => count > 1).length;
    say(sum, `${all.length - missing} of ${all.length} delivered, ${missing} missing, ${twice} more than once; the newest first`);
    say(problem, model.get("problem"));
  };
  el.classList.add("cd-widget");
  el.append(element("h4", {}, ["Who got what"]), scrolling("Who got what", [table]), sum, problem);
  roving(body, "tr", "ArrowDown", "ArrowUp");
  const stops = [follow(model, ["clients", "events", "problem"], show), follow(selection, ["event_id"], show)];
  return () => stops.forEach((stop) => stop());
}

export default { render };
