/** The map of the system: parts with their live state, and the ways between them. */
import { element, facts, svg, type RenderContext } from "./model";

interface Part {
  id: string;
  title: string;
  state: string;
  facts: Record<string, string>;
}

interface State {
  parts: Part[];
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
  path: string;
  label: string;
  at: [number, number];
  anchor?: "start" | "middle" | "end";
}
const WAYS: Way[] = [
  { path: "M124 80 H214", label: "HTTP", at: [169, 73], anchor: "middle" },
  { path: "M370 80 H414", label: "gRPC", at: [392, 73], anchor: "middle" },
  { path: "M420 140 H69 V122", label: "websocket frames", at: [244, 156], anchor: "middle" },
  { path: "M470 178 C470 250 200 230 200 312", label: "one transaction: state row + outbox row", at: [14, 232], anchor: "start" },
  { path: "M274 345 H428", label: "WAL", at: [351, 338], anchor: "middle" },
  { path: "M584 345 H728", label: "records", at: [656, 338], anchor: "middle" },
  { path: "M812 318 V184", label: "consumer groups", at: [804, 252], anchor: "end" },
];

/** A sign for each state, so that colour is not alone in telling it. */
const SIGNS: Record<string, string> = {
  running: "●",
  SERVING: "●",
  done: "●",
  starting: "◐",
  waiting: "◐",
  restarting: "↻",
  paused: "❙❙",
  stopping: "◌",
  stopped: "○",
  failed: "✕",
  NOT_SERVING: "✕",
};

function draw(part: Part, at: Box, selected: boolean, select: (id: string) => void): SVGElement {
  const group = svg(
    "g",
    {
      class: "cd-part",
      role: "button",
      tabindex: 0,
      "data-id": part.id,
      "data-state": part.state,
      "aria-pressed": String(selected),
      "aria-label": part.state ? `${part.title}: ${part.state}` : part.title,
      transform: `translate(${at.x} ${at.y})`,
    },
    [
      svg("rect", { width: at.width, height: at.height, rx: 8 }),
      svg("text", { x: 12, y: 23, class: "cd-title" }, [part.title]),
      svg("text", { x: 12, y: 42, class: "cd-state" }, [part.state ? `${SIGNS[part.state] ?? "?"} ${part.state}` : ""]),
    ],
  );
  group.addEventListener("click", () => select(part.id));
  group.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    select(part.id);
  });
  return group;
}

function picture(parts: Part[], selected: string, select: (id: string) => void): SVGElement {
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
  const attributes = { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "group", "aria-label": "Map of the system" };
  return svg("svg", attributes, [svg("defs", {}, [arrow]), ...ways, ...modules, ...drawn]);
}

function render({ model, el }: RenderContext<State>): () => void {
  let selected = "";
  let asked = false;
  const map = element("div", { class: "cd-map" });
  const note = element("p", { class: "cd-note", role: "status" });
  const detail = element("div", { class: "cd-detail", "aria-live": "polite" });

  const select = (id: string): void => {
    selected = selected === id ? "" : id;
    show();
  };
  const show = (): void => {
    asked = false;
    const focused = map.querySelector<SVGElement>(":focus")?.dataset["id"];
    const parts = model.get("parts");
    map.replaceChildren(picture(parts, selected, select));
    if (focused) map.querySelector<SVGElement>(`[data-id="${focused}"]`)?.focus();
    const shown = parts.find((part) => part.id === selected);
    const hint = "Select a part to see what it does and where it is.";
    detail.replaceChildren(...(shown ? [element("h4", {}, [shown.title]), facts(shown.facts)] : [hint]));
    note.textContent = model.get("problem") || `as of ${model.get("seen_at")}`;
  };
  const refresh = (): void => {
    if (asked || document.hidden || !el.isConnected) return;
    asked = true; // one question at a time: a kernel that is busy, or gone, is not flooded
    model.send({ type: "refresh" });
  };

  el.classList.add("cd-widget");
  el.append(map, detail, note);
  model.on("change:parts", show);
  model.on("change:seen_at", show);
  model.on("change:problem", show);
  show();
  const timer = setInterval(refresh, REFRESH);
  return () => {
    clearInterval(timer);
    for (const event of ["change:parts", "change:seen_at", "change:problem"]) model.off(event, show);
  };
}

export default { render };
