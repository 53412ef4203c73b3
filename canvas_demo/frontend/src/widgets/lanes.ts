/** A topic's partitions as lanes: records by offset, and where each consumer group stands. */
import { announcement, element, pressable, replace, roving, say, scrolling } from "./dom";
import { follow, select, selectionOf, type RenderContext, type Selecting } from "./model";

interface RecordOf {
  offset: number;
  id: string;
  key: string;
  type: string;
}

interface Place {
  group: string;
  committed: number | null;
  lag: number;
  member: string;
}

interface Lane {
  partition: number;
  first: number;
  next: number;
  records: RecordOf[];
  groups: Place[];
}

interface State extends Selecting {
  topic: string;
  lanes: Lane[];
  problem: string;
}

/** Keys differ by hue, and by the first letters that stand in the record's box. */
function hue(key: string): number {
  let sum = 0;
  for (const letter of key) sum = (sum * 31 + letter.charCodeAt(0)) % 360;
  return sum;
}

async function render({ model, el }: RenderContext<State>): Promise<() => void> {
  const selection = await selectionOf(model);
  const list = element("div", { class: "cd-lanes" });
  const problem = announcement();

  const record = (of: RecordOf, first: boolean): HTMLElement =>
    pressable(
      element(
        "span",
        {
          class: "cd-record",
          role: "button",
          style: `--cd-hue:${hue(of.key)}`,
          tabindex: first ? 0 : -1,
          "data-key": `${of.id}-${of.offset}`,
          "data-event": of.id,
          "aria-pressed": String(of.id !== "" && of.id === selection.get("event_id")),
          title: `offset ${of.offset}\n${of.type}\nkey ${of.key}`,
        },
        [element("b", {}, [String(of.offset)]), of.key.slice(0, 4), element("span", { class: "cd-unseen" }, [` ${of.type}`])],
      ),
      () => of.id && select(selection, of.id),
    );

  const place = (of: Place): HTMLElement => {
    const where = of.committed === null ? "has committed nothing" : `has committed ${of.committed}`;
    return element("li", { "data-lag": of.lag > 0 ? "some" : "none" }, [
      element("span", {}, [of.group]),
      ` ${where}, lag ${of.lag}${of.member ? `, read by ${of.member}` : ""}`,
    ]);
  };

  const lane = (of: Lane): HTMLElement => {
    const left = of.next - of.first - of.records.length;
    const boxes = of.records.map((each, at) => record(each, at === of.records.length - 1));
    const marks = of.groups.flatMap(({ group, committed }) => (committed === null ? [] : [{ group, committed }]));
    const row: HTMLElement[] = left > 0 ? [element("span", { class: "cd-older" }, [`${left} older`])] : [];
    const mark = (offset: number): HTMLElement[] => {
      const here = marks.filter(({ committed }) => committed === offset).map(({ group }) => group);
      return here.length ? [element("span", { class: "cd-mark", title: `next for ${here.join(", ")}` }, ["▸"])] : [];
    };
    boxes.forEach((box, at) => row.push(...mark(of.records[at]?.offset ?? -1), box));
    row.push(...mark(of.next));
    row.push(element("span", { class: "cd-end" }, [`next ${of.next}`]));
    return element("section", { class: "cd-lane", "aria-label": `partition ${of.partition}` }, [
      element("h5", {}, [`partition ${of.partition}`]),
      element("div", { class: "cd-row" }, row),
      element("ul", { class: "cd-places" }, of.groups.map(place)),
    ]);
  };

  const show = (): void => {
    replace(list, model.get("lanes").map(lane));
    say(problem, model.get("problem"));
    for (const row of list.querySelectorAll<HTMLElement>(".cd-row")) row.scrollLeft = row.scrollWidth;
  };

  el.classList.add("cd-widget");
  el.append(element("h4", {}, [model.get("topic")]), scrolling(`Partitions of ${model.get("topic")}`, [list]), problem);
  roving(list, ".cd-record", "ArrowRight", "ArrowLeft");
  const stops = [follow(model, ["lanes", "problem"], show), follow(selection, ["event_id"], show)];
  return () => stops.forEach((stop) => stop());
}

export default { render };
