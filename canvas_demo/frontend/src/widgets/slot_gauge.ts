/** A replication slot over time: what it holds back of the write-ahead log, and how far its reader is behind. */
import { announcement, bytes, element, facts, say, svg } from "./dom";
import { follow, type RenderContext } from "./model";

interface Point {
  /** Seconds since the first. */
  at: number;
  retained: number;
  lag: number;
}

interface State {
  slot: string;
  facts: Record<string, string>;
  points: Point[];
  problem: string;
}

const WIDTH = 640;
const HEIGHT = 150;
const LEFT = 70;
const BOTTOM = 22;

function path(points: Point[], x: (at: number) => number, y: (of: number) => number, of: "retained" | "lag"): string {
  return points.map((point, at) => `${at ? "L" : "M"}${x(point.at).toFixed(1)} ${y(point[of]).toFixed(1)}`).join("");
}

function chart(points: Point[], slot: string): SVGElement {
  const first = points[0]?.at ?? 0;
  const last = points.at(-1)?.at ?? 1;
  const most = Math.max(1024, ...points.map(({ retained, lag }) => Math.max(retained, lag)));
  const x = (at: number): number => LEFT + ((WIDTH - LEFT - 10) * (at - first)) / (last - first || 1);
  const y = (of: number): number => HEIGHT - BOTTOM - ((HEIGHT - BOTTOM - 12) * of) / most;
  const line = path(points, x, y, "retained");
  const area = points.length ? `${line}L${x(last)} ${y(0)}L${x(first)} ${y(0)}Z` : "";
  const now = points.at(-1);
  const label = now
    ? `Slot ${slot}: ${bytes(now.retained)} of log retained, reader ${bytes(now.lag)} behind, over ${Math.round(last - first)} seconds`
    : `Slot ${slot}: nothing seen yet`;
  return svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": label, class: "cd-chart" }, [
    svg("path", { d: area, class: "cd-area" }),
    svg("path", { d: line, class: "cd-line" }),
    svg("path", { d: path(points, x, y, "lag"), class: "cd-line cd-second" }),
    svg("path", { d: `M${LEFT} 8V${HEIGHT - BOTTOM}H${WIDTH - 10}`, class: "cd-axes" }),
    svg("text", { x: LEFT - 6, y: 16, "text-anchor": "end", class: "cd-label" }, [bytes(most)]),
    svg("text", { x: LEFT - 6, y: HEIGHT - BOTTOM, "text-anchor": "end", class: "cd-label" }, ["0"]),
    svg("text", { x: LEFT, y: HEIGHT - 6, class: "cd-label" }, [`${Math.round(first)} s`]),
    svg("text", { x: WIDTH - 10, y: HEIGHT - 6, "text-anchor": "end", class: "cd-label" }, [`${Math.round(last)} s`]),
  ]);
}

function render({ model, el }: RenderContext<State>): () => void {
  const picture = element("div");
  const legend = element("p", { class: "cd-legend" }, [
    element("span", { class: "cd-key" }, ["WAL that the slot retains (from restart_lsn)"]),
    element("span", { class: "cd-key cd-second" }, ["reader behind (from confirmed_flush_lsn)"]),
  ]);
  const detail = element("div");
  const problem = announcement();
  const show = (): void => {
    picture.replaceChildren(chart(model.get("points"), model.get("slot")));
    detail.replaceChildren(facts(model.get("facts")));
    say(problem, model.get("problem"));
  };
  el.classList.add("cd-widget");
  el.append(element("h4", {}, [`Slot ${model.get("slot")}`]), picture, legend, detail, problem);
  return follow(model, ["points", "facts", "problem"], show);
}

export default { render };
