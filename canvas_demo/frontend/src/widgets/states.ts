/** Signs for the states of components and modules, so that colour is not alone in telling them. */
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

export type Mood = "good" | "warn" | "bad" | "frozen" | "none";

const MOODS: Record<string, Mood> = {
  running: "good",
  SERVING: "good",
  done: "good",
  paused: "frozen",
  stopped: "bad",
  failed: "bad",
  NOT_SERVING: "bad",
};

/** The sign of a state. */
export const sign = (state: string): string => (state ? (SIGNS[state] ?? "?") : "");

/** How a state is coloured: one that is frozen differs from one that is dead. */
export const mood = (state: string): Mood => (state ? (MOODS[state] ?? "warn") : "none");
