/** Which parts of the drawing may hold energy: measured where it is measured, carried along the links elsewhere. Pure. */

import type { Element, Link } from "./model";
import type { ElementState, Pose } from "./state";

/** `unknown` is never `dead`: what cannot be read is not called safe. */
export type Energy = "live" | "dead" | "unknown";

export interface Energies {
  readonly elements: ReadonlyMap<string, Energy>;
  /** In the order of the links. */
  readonly links: readonly Energy[];
}

/** A channel's value with its trust, as the bench gives it. */
export type Measure = (channel: string) => { readonly value: number; readonly stale: boolean } | null;

const BREAKS = new Set(["switch", "relay", "dump", "trigger", "gate"]);

/** Energy of an element by its own channels, null when it has none. */
export function measured(element: Element, measure: Measure): Energy | null {
  const above = element.energised_above;
  if (above === null || element.energised_by.length === 0) return null;
  const readings = element.energised_by.map(measure);
  if (readings.some((reading) => reading !== null && !reading.stale && reading.value > above)) return "live";
  const known = readings.every((reading) => reading !== null && !reading.stale && Number.isFinite(reading.value));
  return known ? "dead" : "unknown";
}

/**
 * Energy of everything: from each measured live (or unknown) element along the power links, through whatever is not
 * proven open. A measurement wins over a neighbour, and earth holds nothing.
 */
export function energies(states: readonly ElementState[], links: readonly Link[], measure: Measure): Energies {
  const found = new Map<string, Energy>();
  const poses = new Map<string, Pose>();
  const fixed = new Map<string, Energy>();
  for (const { element, pose } of states) {
    const own = element.symbol === "ground" ? "dead" : measured(element, measure);
    if (BREAKS.has(element.symbol) && element.proven.length > 0) poses.set(element.id, pose);
    if (own !== null) fixed.set(element.id, own);
    found.set(element.id, own ?? "dead");
  }
  const carried: Energy[] = links.map(() => "dead");
  for (const energy of ["unknown", "live"] as const) {
    const open = [...fixed].filter(([, own]) => own === energy).map(([id]) => id);
    spread(energy, open, links, carried, found, { poses, fixed });
  }
  return { elements: found, links: carried };
}

interface Known {
  readonly poses: ReadonlyMap<string, Pose>;
  readonly fixed: ReadonlyMap<string, Energy>;
}

function spread(
  energy: Energy,
  start: readonly string[],
  links: readonly Link[],
  carried: Energy[],
  found: Map<string, Energy>,
  known: Known,
): void {
  const open = [...start];
  const seen = new Set(open);
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    links.forEach((link, index) => {
      if (link.kind !== "power" || (link.source !== id && link.target !== id)) return;
      const other = link.source === id ? link.target : link.source;
      carried[index] = energy;
      if (seen.has(other) || known.fixed.has(other)) return;
      seen.add(other);
      if (known.poses.get(other) === "inactive") return; // proven open: it ends here
      found.set(other, energy);
      open.push(other);
    });
  }
}
