/** Switches that break and mend components; each does what `canvas-demo stop`, `kill`, … does. */
import { announcement, button, element, replace, say } from "./dom";
import { follow, type RenderContext } from "./model";
import { mood, sign } from "./states";

interface Part {
  component: string;
  state: string;
  detail: string;
  restarts: number;
  pid: number | null;
  orders: string[];
}

interface State {
  parts: Part[];
  said: string;
  problem: string;
}

const SAID: Record<string, string> = {
  paused: "frozen (SIGSTOP): alive, and answers nobody",
  stopped: "dead: no process, its ports are closed",
  restarting: "dead: it is started again soon",
};

/** Milliseconds after which it is said that nobody has taken an order. */
const PATIENCE = 5000;

function render({ model, el }: RenderContext<State>): () => void {
  let waiting = 0;
  const list = element("ul", { class: "cd-switches" });
  const said = announcement();

  const card = (part: Part): HTMLElement => {
    const { component: name, state } = part;
    const about = [SAID[state] ?? "", part.pid ? `process ${part.pid}` : "", part.restarts ? `started again ${part.restarts}×` : ""];
    const orders = part.orders.map((order) =>
      button(order, () => send(order, name), {
        "aria-label": `${order} ${name}`,
        "data-key": `${order} ${name}`,
        "data-order": order,
        disabled: model.unheard,
      }),
    );
    return element("li", { "data-state": state, "data-mood": mood(state), "data-key": name, tabindex: -1 }, [
      element("b", {}, [name]),
      element("span", { class: "cd-state" }, [`${sign(state)} ${state}`]),
      element("small", {}, [about.filter(Boolean).join(" · ")]),
      element("span", { class: "cd-orders", role: "group", "aria-label": name }, orders),
    ]);
  };
  const send = (order: string, name: string): void => {
    say(said, `${order} ${name}: asked for`);
    clearTimeout(waiting);
    waiting = window.setTimeout(() => {
      say(said, `${order} ${name}: no answer yet. The kernel is busy with a cell, or there is none: run the cells again.`);
    }, PATIENCE);
    model.send({ type: "order", order, name });
  };
  const show = (): void => replace(list, model.get("parts").map(card));
  const answer = (): void => {
    clearTimeout(waiting);
    say(said, model.unheard ? "Here nothing can be switched: this page was saved, and no kernel is behind it." : model.get("problem") || model.get("said"));
  };
  el.classList.add("cd-widget");
  el.append(element("h4", {}, ["Break and mend"]), list, said);
  const stops = [follow(model, ["parts"], show), follow(model, ["said", "problem"], answer)];
  return () => {
    clearTimeout(waiting);
    stops.forEach((stop) => stop());
  };
}

export default { render };
