// @ts-check
/** Keeps the page's table that of the supervisor. */

/**
 * @typedef {{name: string, state: string, since: number, address: string | null, restarts: number, detail: string}} Part
 * @typedef {{running: boolean, failure: string | null, now?: number, components: Part[]}} Snapshot
 */
const EVERY_MS = 1500;
const READY = new Set(["running", "done"]);

/** @param {string} id @returns {HTMLElement} */
const at = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

/** @param {number} seconds @returns {string} */
function spoken(seconds) {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}

/** @param {string} text @param {string} [state] @returns {HTMLTableCellElement} */
function cell(text, state) {
  const made = document.createElement("td");
  made.textContent = text;
  if (state) made.dataset["state"] = state;
  return made;
}

/** A status line is read aloud when it changes: write it only then. @param {string} text @returns {void} */
function say(text) {
  if (at("state").textContent !== text) at("state").textContent = text;
}

/** @param {Snapshot} seen @returns {void} */
function show(seen) {
  at("start").hidden = seen.running;
  at("components").hidden = !seen.running;
  const rows = seen.components.map((part) => {
    const row = document.createElement("tr");
    const age = seen.now === undefined ? "" : spoken(seen.now - part.since);
    const state = READY.has(part.state) ? "good" : part.state === "failed" ? "bad" : "other";
    row.append(cell(part.name), cell(part.state, state), cell(age), cell(String(part.restarts)));
    row.append(cell(part.address ?? ""), cell(part.detail));
    return row;
  });
  at("components").querySelector("tbody")?.replaceChildren(...rows);
  const waiting = seen.components.filter((part) => !READY.has(part.state)).map((part) => part.name);
  if (seen.failure) say(seen.failure);
  else say(waiting.length ? `Not ready: ${waiting.join(", ")}.` : "Every component is ready.");
}

/** @returns {Promise<void>} */
async function refresh() {
  try {
    const answer = await fetch("status.json", { cache: "no-store" });
    show(/** @type {Snapshot} */ (await answer.json()));
  } catch {
    say("This page’s server does not answer; is Jupyter running?");
  }
}

at("start").addEventListener("click", async () => {
  at("start").hidden = true;
  say("Starting …");
  await fetch("start", { method: "POST", headers: { "X-Canvas-Demo": "start" } });
});
void refresh();
setInterval(() => void (document.hidden || refresh()), EVERY_MS);
document.addEventListener("visibilitychange", () => void (document.hidden || refresh()));
