// @ts-check
/** Keeps the first page's states those of /api/health. */

const EVERY_MS = 5000;
/** @type {Record<string, string>} */
const WORDS = { SERVING: "serving", NOT_SERVING: "not serving" };

/** @param {string} state @returns {void} */
function say(state) {
  const line = document.getElementById("health");
  // A status line is read aloud when it changes: write it only then.
  if (line && line.textContent !== state) line.textContent = state;
}

/** @param {(module: string) => string} stateOf @returns {void} */
function show(stateOf) {
  for (const badge of document.querySelectorAll("[data-module]")) {
    const state = stateOf(badge.getAttribute("data-module") ?? "");
    badge.setAttribute("data-state", state);
    badge.textContent = WORDS[state] ?? "not known";
  }
}

/** @returns {Promise<void>} */
async function refresh() {
  try {
    const answer = await fetch("api/health", { cache: "no-store" });
    /** @type {{status: string, modules: Record<string, string>}} */
    const health = await answer.json();
    show((module) => health.modules[module] ?? "");
    const down = Object.keys(health.modules).filter((module) => health.modules[module] !== "SERVING");
    say(down.length === 0 ? "Every module serves." : `Not serving: ${down.join(", ")}.`);
  } catch {
    show(() => "");
    say("This server does not answer. “canvas-demo status” tells what runs.");
  }
}

const origin = document.getElementById("origin");
if (origin) origin.textContent = new URL(".", location.href).href;
void refresh();
setInterval(() => void (document.hidden || refresh()), EVERY_MS);
document.addEventListener("visibilitychange", () => void (document.hidden || refresh()));
