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

function render({ model, el }: RenderContext<State>): () => void {
  const list = element("ul", { class: "cd-switches" });
  const said = announcement();

  const card = (part: Part): HTMLElement => {
    const { component: name, state } = part;
    const about = [SAID[state] ?? "", part.pid ? `process ${part.pid}` : "", part.restarts ? `started again ${part.restarts}×` : ""];
    const orders = part.orders.map((order) =>
      button(order, () => model.send({ type: "order", order, name }), {
        "aria-label": `${order} ${name}`,
        "data-key": `${order} ${name}`,
        "data-order": order,
      }),
    );
    return element("li", { "data-state": state, "data-mood": mood(state) }, [
      element("b", {}, [name]),
      element("span", { class: "cd-state" }, [`${sign(state)} ${state}`]),
      element("small", {}, [about.filter(Boolean).join(" · ")]),
      element("span", { class: "cd-orders", role: "group", "aria-label": name }, orders),
    ]);
  };
  const show = (): void => {
    replace(list, model.get("parts").map(card));
    say(said, model.get("problem") || model.get("said"));
  };
  el.classList.add("cd-widget");
  el.append(element("h4", {}, ["Break and mend"]), list, said);
  return follow(model, ["parts", "said", "problem"], show);
}

export default { render };
