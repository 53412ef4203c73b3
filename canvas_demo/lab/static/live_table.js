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
function button(label, act, attributes = {}) {
  const made = element("button", { type: "button", class: "cd-button", ...attributes }, [label]);
  made.addEventListener("click", act);
  return made;
}
var labels = 0;
function field(label, change, hint = "") {
  const id = `cd-field-${labels += 1}`;
  const input = element("input", { id, type: "search", placeholder: hint, autocomplete: "off", spellcheck: "false" });
  input.addEventListener("input", () => change(input.value));
  return [element("div", { class: "cd-field" }, [element("label", { for: id }, [label]), input]), input];
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
function announcement() {
  return element("p", { class: "cd-note", role: "status" });
}
function say(place, text) {
  if (place.textContent !== text) place.textContent = text;
}

// src/widgets/model.ts
var REFERENCE = "IPY_MODEL_";
async function selectionOf(model) {
  const named = model.get("selection");
  if (typeof named !== "string") return named ?? alone();
  const found = await model.widget_manager?.get_model(named.slice(REFERENCE.length));
  return found ? found : alone();
}
function alone() {
  const state = { event_id: "" };
  const listeners = /* @__PURE__ */ new Set();
  return {
    get: (name) => state[name],
    set: (name, value) => {
      state[name] = value;
      for (const listener of listeners) listener();
    },
    save_changes: () => void 0,
    on: (_event, callback) => void listeners.add(callback),
    off: (_event, callback) => void listeners.delete(callback),
    send: () => void 0
  };
}
function select(selection, id) {
  selection.set("event_id", selection.get("event_id") === id ? "" : id);
  selection.save_changes();
}
function follow(model, names, show) {
  for (const name of names) model.on(`change:${name}`, show);
  show();
  return () => {
    for (const name of names) model.off(`change:${name}`, show);
  };
}

// src/widgets/live_table.ts
var FILTERS = [
  ["filter_key", "Key", ""],
  ["filter_type", "Type", ""],
  ["filter_header", "Header", "name=value"]
];
var has = (text, part) => text.toLowerCase().includes(part.trim().toLowerCase());
function hasHeader(headers, wanted) {
  const [name = "", ...rest] = wanted.split("=");
  if (!rest.length) return Object.entries(headers).some(([key, value]) => has(`${key}=${value}`, wanted));
  return Object.entries(headers).some(([key, value]) => has(key, name) && has(value, rest.join("=")));
}
async function render({ model, el }) {
  const selection = await selectionOf(model);
  let last = Infinity;
  const heading = element("h4", {}, [model.get("title")]);
  const pause = button("Pause", () => put("paused", !model.get("paused")));
  const raw = button("Raw", () => put("raw", !model.get("raw")));
  const inputs = FILTERS.map(([name, label, hint]) => {
    const [box, input] = field(label, (text) => put(name, text), hint);
    return { name, box, input };
  });
  const head = element("thead");
  const body = element("tbody");
  const table = element("table", { class: "cd-table", role: "grid", "aria-label": model.get("title") }, [head, body]);
  const count = element("p", { class: "cd-note" });
  const status = announcement();
  const detail = element("div", { class: "cd-detail", role: "group", "aria-label": "Selected" });
  function put(name, value) {
    model.set(name, value);
    model.save_changes();
  }
  const fits = (row) => has(row.key, model.get("filter_key")) && has(row.type, model.get("filter_type")) && (!model.get("filter_header").trim() || hasHeader(row.headers, model.get("filter_header")));
  const line = (row, first) => {
    const chosen = row.id !== "" && row.id === selection.get("event_id");
    const cells = model.get("raw") ? [element("td", { colspan: model.get("columns").length, class: "cd-raw" }, [row.raw])] : row.cells.map((cell) => element("td", {}, [cell]));
    const made = element(
      "tr",
      { "data-key": row.seq, "data-event": row.id, "aria-selected": String(chosen), tabindex: first ? 0 : -1 },
      cells
    );
    return row.id ? pressable(made, () => select(selection, row.id)) : made;
  };
  const show = () => {
    const rows = model.get("rows");
    const end = rows.at(-1)?.seq ?? -1;
    if (!model.get("paused")) last = Infinity;
    else if (last === Infinity) last = end;
    const waiting = rows.filter((row) => row.seq > last && fits(row)).length;
    const shown = rows.filter((row) => row.seq <= last && fits(row)).reverse();
    pause.textContent = model.get("paused") ? waiting ? `Go on (${waiting} waiting)` : "Go on" : "Pause";
    pause.setAttribute("aria-pressed", String(model.get("paused")));
    raw.setAttribute("aria-pressed", String(model.get("raw")));
    for (const { name, input } of inputs) if (input.value !== model.get(name)) input.value = model.get(name);
    const columns = model.get("raw") ? ["as it is"] : model.get("columns");
    head.replaceChildren(
      element("tr", {}, columns.map((name) => element("th", { scope: "col", colspan: model.get("raw") ? model.get("columns").length : 1 }, [name])))
    );
    const empty = element("tr", {}, [
      element("td", { colspan: columns.length, class: "cd-empty" }, [rows.length ? "Nothing fits the filter." : "Nothing yet."])
    ]);
    replace(body, shown.length ? shown.map((row, at) => line(row, at === 0)) : [empty]);
    say(count, `${shown.length} of ${rows.length} shown, the newest first`);
    const chosen = rows.findLast((row) => row.id !== "" && row.id === selection.get("event_id"));
    const about = chosen && [
      element("h5", {}, [`${chosen.type || "Selected"} ${chosen.id}`]),
      model.get("raw") ? element("pre", {}, [chosen.raw]) : facts(chosen.pretty)
    ];
    detail.replaceChildren(...about ?? ["Select a row: the same event is then marked in every view of this lab."]);
    say(status, model.get("problem") || (model.get("paused") ? `paused, ${waiting} waiting` : ""));
  };
  el.classList.add("cd-widget");
  const tools = element("div", { class: "cd-tools" }, [pause, raw, ...inputs.map(({ box }) => box)]);
  el.append(heading, tools, scrolling(model.get("title"), [table]), count, status, detail);
  roving(body, "tr[data-key]", "ArrowDown", "ArrowUp");
  const names = ["rows", "paused", "raw", "filter_key", "filter_type", "filter_header", "problem"];
  const stops = [follow(model, names, show), follow(selection, ["event_id"], show)];
  return () => stops.forEach((stop) => stop());
}
var live_table_default = { render };
export {
  live_table_default as default,
  hasHeader
};
