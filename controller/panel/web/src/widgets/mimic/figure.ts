/** The lines of text under a symbol, in order: what both the drawing and its height are made from. Pure. */

import { lines } from "./layout";
import { conditionWord, type ElementState } from "./state";

export interface Value {
  readonly text: string;
  readonly stale: boolean;
}

/** `told` is what is commanded, `is` what is proven, `notice` what somebody must see. */
export interface Row {
  readonly text: string;
  readonly kind: "title" | "told" | "is" | "notice" | "value" | "stale";
}

export const LINE_PX = 15;

/** Below the middle of the symbol. */
export const TEXT_TOP_PX = 35;

/** `room` is how many characters fit beside each other. */
export function rowsOf(state: ElementState, values: readonly Value[], room: number): Row[] {
  const { element, commanded, proven } = state;
  const found: Row[] = lines(element.title, room).map((text) => ({ text, kind: "title" }));
  if (element.commanded !== null) found.push({ text: commanded ?? "?", kind: "told" });
  if (element.proven.length > 0 && proven !== null) {
    const said = state.condition === "unknown" ? `last ${proven}` : proven;
    for (const text of lines(said, room)) found.push({ text, kind: "is" });
  }
  const notice = conditionWord(state);
  if (notice !== "" && state.condition !== "unknown") found.push({ text: notice, kind: "notice" });
  for (const { text, stale } of values) found.push({ text, kind: stale ? "stale" : "value" });
  return found;
}

/** Height of symbol and text together, from 24 above the symbol's middle. */
export function heightOf(rows: readonly Row[]): number {
  return 24 + TEXT_TOP_PX + rows.length * LINE_PX;
}
