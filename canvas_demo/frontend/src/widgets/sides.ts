/** One event in four shapes side by side, and what became of each field of its row. */
import { element, facts, pressable, replace, roving, scrolling } from "./dom";
import { follow, type RenderContext } from "./model";

interface Field {
  name: string;
  became: string;
  short: string[];
  full: string[];
}

interface State {
  title: string;
  sides: string[];
  fields: Field[];
}

function render({ model, el }: RenderContext<State>): () => void {
  let chosen = "";
  const head = element("thead");
  const body = element("tbody");
  const table = element("table", { class: "cd-table cd-sides", role: "grid", "aria-label": model.get("title") }, [head, body]);
  const detail = element("div", { class: "cd-detail", "aria-live": "polite" });

  const show = (): void => {
    const columns = ["field", "what became of it", ...model.get("sides")];
    head.replaceChildren(element("tr", {}, columns.map((name) => element("th", { scope: "col" }, [name]))));
    const line = (field: Field, at: number): HTMLElement =>
      pressable(
        element(
          "tr",
          { "data-key": field.name, "aria-selected": String(field.name === chosen), tabindex: at ? -1 : 0 },
          [
            element("th", { scope: "row" }, [field.name]),
            element("td", { class: "cd-became" }, [field.became]),
            ...field.short.map((text) => element("td", text ? {} : { class: "cd-absent" }, [text || "–"])),
          ],
        ),
        () => {
          chosen = chosen === field.name ? "" : field.name;
          show();
        },
      );
    replace(body, model.get("fields").map(line));
    const field = model.get("fields").find(({ name }) => name === chosen);
    const about = field && Object.fromEntries(model.get("sides").map((side, at) => [side, field.full[at] || "not there"]));
    detail.replaceChildren(
      ...(field && about ? [element("h5", {}, [field.name]), facts(about)] : ["Select a field to see its values whole."]),
    );
  };
  el.classList.add("cd-widget");
  el.append(element("h4", {}, [model.get("title")]), scrolling(model.get("title"), [table]), detail);
  roving(body, "tr", "ArrowDown", "ArrowUp");
  return follow(model, ["fields"], show);
}

export default { render };
