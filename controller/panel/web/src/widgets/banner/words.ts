/** The banner's words. Pure. */

import type { Bench } from "../../bench/bench";

const MODES: Readonly<Record<string, string>> = {
  run: "run",
  recover: "recovery after an interrupted run",
  watch: "watched, nothing runs",
};

export function modeText(mode: string): string {
  return MODES[mode] ?? mode;
}

export interface LinkText {
  readonly text: string;
  readonly sign: string;
  readonly tone: "normal" | "wrong";
}

/** Whether what is shown is heard now, and if not, who is not heard. */
export function linkText({ link, silent, plcStale, why }: Pick<Bench, "link" | "silent" | "plcStale" | "why">): LinkText {
  const wrong = (text: string): LinkText => ({ text, sign: "▲", tone: "wrong" });
  if (link === "connecting") return wrong(why === "" ? "connecting to the panel" : `no panel: ${why}; trying again`);
  if (link === "none") return wrong("no core yet: nothing is heard of the bench");
  if (link === "lost") return wrong("core lost: nothing is heard of the bench");
  if (silent) return wrong("no frames: what is shown is old");
  if (plcStale) return wrong("PLC silent: its state and values are stale");
  return { text: "live", sign: "●", tone: "normal" };
}

export interface Progress {
  readonly title: string;
  readonly text: string;
}

/** `Step 3 of 12` and its name, or how the run ended. */
export function progressOf({ hello, marks, step, finished }: Pick<Bench, "hello" | "marks" | "step" | "finished">): Progress {
  if (finished !== null) return { title: "Run ended", text: `${finished.verdict.toUpperCase()}, ${finished.ended}` };
  const steps = hello?.steps ?? [];
  const running = marks.indexOf("running");
  const index = running >= 0 ? running : step;
  const now = steps[index];
  if (now !== undefined) return { title: `Step ${index + 1} of ${steps.length}`, text: now.id };
  return { title: "Step", text: steps.length === 0 ? "no run" : `none of ${steps.length}` };
}
