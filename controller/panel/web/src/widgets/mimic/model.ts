/** The mimic of GET /api/v1/rig: the twin of controller/rig/mimic.py. Nothing here knows a bench. */

import type { RigInfo } from "../../bench/messages";

export interface Command {
  readonly point: string;
  readonly on: string;
  readonly off: string;
}

export interface Position {
  readonly word: string;
  readonly points: readonly string[];
}

export interface Element {
  readonly id: string;
  readonly symbol: string;
  readonly title: string;
  readonly area: string;
  readonly column: number;
  readonly row: number;
  readonly note: string;
  readonly values: readonly string[];
  /** A short name for each value, or none at all. */
  readonly labels: readonly string[];
  readonly commanded: Command | null;
  readonly proven: readonly Position[];
  readonly active: string;
  readonly normal: string;
  readonly travel_s: number;
  readonly trips: readonly string[];
  readonly energised_by: readonly string[];
  readonly energised_above: number | null;
  readonly module: number;
}

export interface Link {
  readonly source: string;
  readonly target: string;
  readonly kind: "power" | "trigger" | "safety";
  readonly bend: "across" | "down";
  readonly label: string;
}

export interface Area {
  readonly id: string;
  readonly title: string;
  readonly layout: "drawing" | "list";
}

export interface Mimic {
  readonly areas: readonly Area[];
  readonly elements: readonly Element[];
  readonly links: readonly Link[];
}

const EMPTY: Mimic = { areas: [], elements: [], links: [] };

/** The rig's drawing; an empty one before the rig is known or when it has none. */
export function mimicOf(rig: RigInfo | null): Mimic {
  const mimic = rig?.["mimic"] as Partial<Mimic> | null | undefined;
  return mimic === null || mimic === undefined ? EMPTY : { ...EMPTY, ...mimic };
}
