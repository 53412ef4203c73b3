/** The map of the system: parts with their live state, and the ways between them. */
import { announcement, element, facts, pressable, replace, say, svg } from "./dom";
import { follow, type RenderContext } from "./model";
import { mood, sign } from "./states";

interface Part {
  id: string;
  title: string;
  state: string;
  facts: Record<string, string>;
}

/** What went along a way since the last look, as counted there. */
interface Flow {
  way: string;
  count: number;
  what: string;
}

interface State {
  parts: Part[];
  flows: Flow[];
  seen_at: string;
  problem: string;
}

interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

const WIDTH = 900;
const HEIGHT = 392;
const REFRESH = 2000;

const box = (x: number, y: number, width = 150, height = 54): Box => ({ x, y, width, height });
const BOXES: Record<string, Box> = {
  you: box(14, 62, 110),
  gateway: box(220, 62),
  identity: box(434, 32, 142),
  keys: box(588, 32, 142),
  canvases: box(742, 32, 142),
  files: box(434, 98, 142),
  websockets: box(588, 98, 142),
  notifications: box(742, 98, 142),
  kafka: box(734, 318),
  connect: box(434, 318, 150),
  postgres: box(124, 318),
};

interface Way {
  id: string;
  path: string;
  label: string;
  at: [number, number];
  anchor?: "start" | "middle" | "end";
}
const WAYS: Way[] = [
  { id: "http", path: "M124 80 H214", label: "HTTP", at: [169, 73], anchor: "middle" },
  { id: "grpc", path: "M370 80 H414", label: "gRPC", at: [392, 73], anchor: "middle" },
  { id: "frames", path: "M420 140 H69 V122", label: "websocket frames", at: [244, 156], anchor: "middle" },
  { id: "commits", path: "M470 178 C470 250 200 230 200 312", label: "one transaction: state row + outbox row", at: [14, 232], anchor: "start" },
  { id: "wal", path: "M274 345 H428", label: "WAL", at: [351, 338], anchor: "middle" },
  { id: "records", path: "M584 345 H728", label: "records", at: [656, 338], anchor: "middle" },
  { id: "consumers", path: "M812 318 V184", label: "consumer groups", at: [804, 252], anchor: "end" },
];
/** More than so many at a time are not drawn one by one; the number beside the way says them. */
const MOST_DOTS = 6;

function draw(part: Part, at: Box, selected: boolean, select: (id: string) => void): SVGElement {
  const group = svg(
    "g",
    {
      class: "cd-part",
      role: "button",
      tabindex: 0,
      "data-key": part.id,
      "data-state": part.state,
      "data-mood": mood(part.state),
      "aria-pressed": String(selected),
      "aria-label": part.state ? `${part.title}: ${part.state}` : part.title,
      transform: `translate(${at.x} ${at.y})`,
    },
    [
      svg("rect", { width: at.width, height: at.height, rx: 8 }),
      svg("text", { x: 12, y: 23, class: "cd-title" }, [part.title]),
      svg("text", { x: 12, y: 42, class: "cd-state" }, [`${sign(part.state)} ${part.state}`.trim()]),
    ],
  );
  return pressable(group, () => select(part.id));
}

/** A dot that is there while it moves: before and after, it would lie in the corner of the picture. */
function dot(path: string, when: { begin: string; dur: string }): SVGElement {
  return svg("circle", { r: 4, class: "cd-dot", visibility: "hidden" }, [
    svg("animateMotion", { path, ...when }),
    svg("set", { attributeName: "visibility", to: "visible", ...when }),
  ]);
}

/** Dots that go along a way, one for each of what went there lately; and how many that were. */
function moving({ path, at, anchor }: Way, flow: Flow): SVGElement[] {
  const [x, y] = at;
  const dots = Array.from({ length: Math.min(MOST_DOTS, flow.count) }, (_, number) =>
    dot(path, { begin: `${number * 0.16}s`, dur: "1.1s" }),
  );
  const told = svg("text", { x, y: y + 30, class: "cd-count", "text-anchor": anchor ?? "start" }, [`${flow.count} ${flow.what}`]);
  return [...dots, told];
}

function picture(parts: Part[], selected: string, select: (id: string) => void): Element[] {
  const arrow = svg("marker", { id: "cd-arrow", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto" }, [
    svg("path", { d: "M0 0 L8 4 L0 8 z", class: "cd-head" }),
  ]);
  const ways = WAYS.flatMap(({ path, label, at, anchor }) => [
    svg("path", { d: path, class: "cd-way", "marker-end": "url(#cd-arrow)" }),
    svg("text", { x: at[0], y: at[1], class: "cd-label", "text-anchor": anchor ?? "start" }, [label]),
  ]);
  const modules = [
    svg("rect", { x: 420, y: 8, width: 474, height: 170, rx: 12, class: "cd-group" }),
    svg("text", { x: 434, y: 24, class: "cd-label" }, ["modules"]),
  ];
  const drawn = parts.flatMap((part) => {
    const at = BOXES[part.id];
    return at ? [draw(part, at, part.id === selected, select)] : [];
  });
  return [svg("defs", {}, [arrow]), ...ways, ...modules, ...drawn];
}

function render({ model, el }: RenderContext<State>): () => void {
  let selected = "";
  let asked = false;
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const drawing = svg("g");
  const traffic = svg("g", { class: still ? "cd-still" : "", "aria-hidden": "true" });
  const picturing = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "group", "aria-label": "Map of the system" }, [drawing, traffic]);
  const map = element("div", { class: "cd-map cd-scroll" }, [picturing]);
  const lately = element("p", { class: "cd-note" });
  const note = announcement();
  const detail = element("div", { class: "cd-detail", "aria-live": "polite" });

  const choose = (id: string): void => {
    selected = selected === id ? "" : id;
    show();
  };
  const show = (): void => {
    asked = false;
    const parts = model.get("parts");
    replace(drawing, picture(parts, selected, choose));
    const shown = parts.find((part) => part.id === selected);
    const hint = "Select a part to see what it does and where it is.";
    detail.replaceChildren(...(shown ? [element("h5", {}, [shown.title]), facts(shown.facts)] : [hint]));
    say(note, model.get("problem"));
  };
  const flow = (): void => {
    asked = false;
    const flows = model.get("flows").filter(({ count }) => count > 0);
    traffic.replaceChildren(
      ...flows.flatMap((of) => {
        const way = WAYS.find(({ id }) => id === of.way);
        return way ? moving(way, of) : [];
      }),
    );
    if (!still) (picturing as SVGSVGElement).setCurrentTime(0);
    const told = flows.map(({ count, what }) => `${count} ${what}`).join(", ");
    say(lately, `as of ${model.get("seen_at")}: ${told || "nothing moves"}`);
  };
  const refresh = (): void => {
    if (asked || document.hidden || !el.isConnected) return;
    asked = true; // one question at a time: a kernel that is busy, or gone, is not flooded
    model.send({ type: "refresh" });
  };

  el.classList.add("cd-widget");
  el.append(map, lately, detail, note);
  const stops = [follow(model, ["parts", "problem"], show), follow(model, ["flows", "seen_at"], flow)];
  const timer = setInterval(refresh, REFRESH);
  return () => {
    clearInterval(timer);
    stops.forEach((stop) => stop());
  };
}

export default { render };
