/** The hops of one event as bars; selecting a bar shows the evidence behind it. */
import { button, element, facts, replace, roving } from "./dom";
import { follow, select, selectionOf, type RenderContext, type Selecting } from "./model";

interface Bar {
  name: string;
  after: string;
  /** Milliseconds since the commit: the hop's cause, the hop, and the latest that its stamp allows. */
  from_ms: number;
  to_ms: number;
  latest_ms: number;
  took: string;
  stamp: string;
  evidence: Record<string, unknown>;
}

interface State extends Selecting {
  event_id: string;
  title: string;
  bars: Bar[];
}

async function render({ model, el }: RenderContext<State>): Promise<() => void> {
  const selection = await selectionOf(model);
  let selected = -1;
  const heading = element("h4", { class: "cd-heading" });
  const list = element("ol", { class: "cd-bars" });
  const axis = element("div", { class: "cd-axis", "aria-hidden": "true" });
  const detail = element("div", { class: "cd-detail", "aria-live": "polite" });

  const mark = button("Mark this event in every view", () => select(selection, model.get("event_id")));
  const choose = (index: number): void => {
    selected = selected === index ? -1 : index;
    show();
  };
  const show = (): void => {
    const bars = model.get("bars");
    const start = Math.min(...bars.map((bar) => bar.from_ms));
    const end = Math.max(...bars.map((bar) => bar.latest_ms));
    const percent = (ms: number): string => `${(100 * (ms - start)) / (end - start || 1)}%`;
    const width = (from: number, to: number): string => `${(100 * (to - from)) / (end - start || 1)}%`;

    heading.textContent = model.get("title");
    mark.setAttribute("aria-pressed", String(model.get("event_id") === selection.get("event_id")));
    replace(
      list,
      bars.map((bar, index) => {
        const certain = element("span", {
          class: "cd-bar",
          style: `left:${percent(bar.from_ms)};width:${width(bar.from_ms, Math.max(bar.from_ms, bar.to_ms))}`,
        });
        const blurred = element("span", {
          class: "cd-bar cd-blurred",
          style: `left:${percent(Math.max(bar.from_ms, bar.to_ms))};width:${width(Math.max(bar.from_ms, bar.to_ms), bar.latest_ms)}`,
        });
        const zero = element("span", { class: "cd-zero", style: `left:${percent(0)}` });
        const line = element("button", { type: "button", "data-key": index, "aria-pressed": String(index === selected) }, [
          element("span", { class: "cd-name" }, [bar.name]),
          element("span", { class: "cd-track", "aria-hidden": "true" }, [zero, certain, blurred]),
          element("span", { class: "cd-took" }, [bar.took]),
        ]);
        line.addEventListener("click", () => choose(index));
        return element("li", {}, [line]);
      }),
    );
    axis.replaceChildren(
      element("span", {}, [`${start.toFixed(1)} ms`]),
      element("span", {}, ["commit = 0"]),
      element("span", {}, [`${end.toFixed(1)} ms`]),
    );
    const bar = bars[selected];
    const about = bar && {
      after: bar.after || "nothing: the journey begins",
      "since the commit": `${bar.to_ms.toFixed(3)} ms`,
      "who says so": bar.stamp,
      ...bar.evidence,
    };
    detail.replaceChildren(
      ...(bar && about ? [element("h5", {}, [bar.name]), facts(about)] : ["Select a hop to see the evidence behind it."]),
    );
  };

  el.classList.add("cd-widget");
  el.append(heading, list, axis, element("div", { class: "cd-tools" }, [mark]), detail);
  roving(list, "button", "ArrowDown", "ArrowUp");
  const stops = [follow(model, ["bars"], show), follow(selection, ["event_id"], show)];
  return () => stops.forEach((stop) => stop());
}

export default { render };
