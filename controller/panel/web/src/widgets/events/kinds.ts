/** Kinds of events: a sign and a word for each, colour only for what is wrong. Pure. */

import type { LoggedEvent } from "../../bench/bench";

export interface Kind {
  readonly name: string;
  readonly sign: string;
  readonly tone: "normal" | "warning" | "wrong";
}

export const KINDS: readonly Kind[] = [
  { name: "info", sign: "·", tone: "normal" },
  { name: "operator", sign: "◆", tone: "normal" },
  { name: "warning", sign: "▲", tone: "warning" },
  { name: "trip", sign: "■", tone: "wrong" },
  { name: "fault", sign: "✕", tone: "wrong" },
];

/** `all`, `notable` (whatever is no information), or the name of a kind. */
export type Filter = string;

/** A kind that this page does not know is shown as what it says, and stands out. */
export function kindOf(name: string): Kind {
  return KINDS.find((kind) => kind.name === name) ?? { name, sign: "?", tone: "warning" };
}

export function matching(events: readonly LoggedEvent[], filter: Filter): readonly LoggedEvent[] {
  if (filter === "all") return events;
  if (filter === "notable") return events.filter(({ kind }) => kindOf(kind).tone !== "normal");
  return events.filter(({ kind }) => kind === filter);
}
