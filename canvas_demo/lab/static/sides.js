// Generated from canvas_demo/frontend by `npm run build`; do not edit.

// src/widgets/dom.ts
function fill(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== void 0 && value !== false) made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children);
  return made;
}
function element(tag, attributes = {}, children = []) {
  return fill(document.createElement(tag), attributes, children);
}
function facts(of) {
  const rows = Object.entries(of).map(([name, value]) => {
    const text = typeof value === "string" ? value : JSON.stringify(value, null, 1);
    return element("div", {}, [element("dt", {}, [name]), element("dd", {}, [text])]);
  });
  return element("dl", { class: "cd-facts" }, rows);
}
function scrolling(label, children) {
  return element("div", { class: "cd-scroll", role: "region", "aria-label": label, tabindex: 0 }, children);
}
function replace(parent, children) {
  const keys = [];
  for (let at = document.activeElement; at && at !== parent && parent.contains(at); at = at.parentElement) {
    const key = at.dataset["key"];
    if (key !== void 0) keys.push(key);
  }
  parent.replaceChildren(...children);
  for (const key of keys) {
    const found = parent.querySelector(`[data-key="${CSS.escape(key)}"]`);
    if (found) return found.focus({ preventScroll: true });
  }
}
function roving(parent, matching, next, previous) {
  const all = () => [...parent.querySelectorAll(matching)];
  const enter = (target) => {
    for (const each of all()) each.tabIndex = each === target ? 0 : -1;
  };
  parent.addEventListener("focusin", (event) => {
    const target = event.target.closest(matching);
    if (target) enter(target);
  });
  parent.addEventListener("keydown", (event) => {
    const found = all();
    const at = found.indexOf(document.activeElement);
    if (at < 0) return;
    const to = { [next]: at + 1, [previous]: at - 1, Home: 0, End: found.length - 1 }[event.key];
    if (to === void 0) return;
    event.preventDefault();
    found[Math.max(0, Math.min(found.length - 1, to))]?.focus();
  });
}
function pressable(made, act) {
  made.addEventListener("click", act);
  made.addEventListener("keydown", (event) => {
    const key = event.key;
    if (key !== "Enter" && key !== " ") return;
    event.preventDefault();
    act();
  });
  return made;
}

// src/widgets/model.ts
function follow(model, names, show) {
  for (const name of names) model.on(`change:${name}`, show);
  show();
  return () => {
    for (const name of names) model.off(`change:${name}`, show);
  };
}

// src/widgets/sides.ts
function render({ model, el }) {
  let chosen = "";
  const head = element("thead");
  const body = element("tbody");
  const table = element("table", { class: "cd-table cd-sides", role: "grid", "aria-label": model.get("title") }, [head, body]);
  const detail = element("div", { class: "cd-detail", "aria-live": "polite" });
  const show = () => {
    const columns = ["field", "what became of it", ...model.get("sides")];
    head.replaceChildren(element("tr", {}, columns.map((name) => element("th", { scope: "col" }, [name]))));
    const line = (field2, at) => pressable(
      element(
        "tr",
        { "data-key": field2.name, "aria-selected": String(field2.name === chosen), tabindex: at ? -1 : 0 },
        [
          element("th", { scope: "row" }, [field2.name]),
          element("td", { class: "cd-became" }, [field2.became]),
          ...field2.short.map((text) => element("td", text ? {} : { class: "cd-absent" }, [text || "–"]))
        ]
      ),
      () => {
        chosen = chosen === field2.name ? "" : field2.name;
        show();
      }
    );
    replace(body, model.get("fields").map(line));
    const field = model.get("fields").find(({ name }) => name === chosen);
    const about = field && Object.fromEntries(model.get("sides").map((side, at) => [side, field.full[at] || "not there"]));
    detail.replaceChildren(
      ...field && about ? [element("h5", {}, [field.name]), facts(about)] : ["Select a field to see its values whole."]
    );
  };
  el.classList.add("cd-widget");
  el.append(element("h4", {}, [model.get("title")]), scrolling(model.get("title"), [table]), detail);
  roving(body, "tr", "ArrowDown", "ArrowUp");
  return follow(model, ["fields"], show);
}
var sides_default = { render };
export {
  sides_default as default
};
