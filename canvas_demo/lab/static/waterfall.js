// Generated from canvas_demo/frontend by `npm run build`; do not edit.

// src/widgets/model.ts
function element(tag, attributes = {}, children = []) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}
function facts(of) {
  const rows = Object.entries(of).map(([name, value]) => {
    const text = typeof value === "string" ? value : JSON.stringify(value, null, 1);
    return element("div", {}, [element("dt", {}, [name]), element("dd", {}, [text])]);
  });
  return element("dl", { class: "cd-facts" }, rows);
}

// src/widgets/waterfall.ts
function render({ model, el }) {
  let selected = -1;
  const heading = element("h4", { class: "cd-heading" });
  const list = element("ol", { class: "cd-bars" });
  const axis = element("div", { class: "cd-axis", "aria-hidden": "true" });
  const detail = element("div", { class: "cd-detail", "aria-live": "polite" });
  const select = (index) => {
    selected = selected === index ? -1 : index;
    show();
    list.querySelectorAll("button")[index]?.focus();
  };
  const move = (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    const buttons = [...list.querySelectorAll("button")];
    const index = buttons.indexOf(document.activeElement);
    buttons[index + step]?.focus();
    event.preventDefault();
  };
  const show = () => {
    const bars = model.get("bars");
    const start = Math.min(...bars.map((bar2) => bar2.from_ms));
    const end = Math.max(...bars.map((bar2) => bar2.latest_ms));
    const percent = (ms) => `${100 * (ms - start) / (end - start || 1)}%`;
    const width = (from, to) => `${100 * (to - from) / (end - start || 1)}%`;
    heading.textContent = model.get("title");
    list.replaceChildren(
      ...bars.map((bar2, index) => {
        const certain = element("span", {
          class: "cd-bar",
          style: `left:${percent(bar2.from_ms)};width:${width(bar2.from_ms, Math.max(bar2.from_ms, bar2.to_ms))}`
        });
        const blurred = element("span", {
          class: "cd-bar cd-blurred",
          style: `left:${percent(Math.max(bar2.from_ms, bar2.to_ms))};width:${width(Math.max(bar2.from_ms, bar2.to_ms), bar2.latest_ms)}`
        });
        const zero = element("span", { class: "cd-zero", style: `left:${percent(0)}` });
        const button = element("button", { type: "button", "aria-pressed": String(index === selected) }, [
          element("span", { class: "cd-name" }, [bar2.name]),
          element("span", { class: "cd-track", "aria-hidden": "true" }, [zero, certain, blurred]),
          element("span", { class: "cd-took" }, [bar2.took])
        ]);
        button.addEventListener("click", () => select(index));
        return element("li", {}, [button]);
      })
    );
    axis.replaceChildren(
      element("span", {}, [`${start.toFixed(1)} ms`]),
      element("span", {}, ["commit = 0"]),
      element("span", {}, [`${end.toFixed(1)} ms`])
    );
    const bar = bars[selected];
    const about = bar && {
      after: bar.after || "nothing: the journey begins",
      "since the commit": `${bar.to_ms.toFixed(3)} ms`,
      "who says so": bar.stamp,
      ...bar.evidence
    };
    detail.replaceChildren(
      ...bar && about ? [element("h4", {}, [bar.name]), facts(about)] : ["Select a hop to see the evidence behind it."]
    );
  };
  el.classList.add("cd-widget");
  el.append(heading, list, axis, detail);
  list.addEventListener("keydown", move);
  model.on("change:bars", show);
  show();
  return () => model.off("change:bars", show);
}
var waterfall_default = { render };
export {
  waterfall_default as default
};
