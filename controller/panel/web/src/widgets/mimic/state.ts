/** What an element of the mimic is, told from the points: commanded, proven, and whether the two agree. Pure. */

import type { Element } from "./model";

/** What the mimic reads; a bench has it, and a test makes one. */
export interface Points {
  /** A digital point by `word.BIT`, null when it is not known. */
  point(name: string): boolean | null;
  /** Everything the points said is too old to be true. */
  readonly stale: boolean;
  /** When the points were read at the bench, in seconds: a frame may repeat what was read before it. */
  readonly timeS: number;
}

/**
 * `normal`: commanded and proven agree, or there is nothing to compare. `moving`: they differ, within the travel time.
 * `mismatch`: they differ for longer. `abnormal`: proven, but not what it should always be. `tripped`: one of its trips
 * is set. `unknown`: nothing is known now.
 */
export type Condition = "normal" | "moving" | "mismatch" | "abnormal" | "tripped" | "unknown";

/** How the symbol is drawn: `between` is neither, `unknown` is hatched. */
export type Pose = "active" | "inactive" | "between" | "unknown";

export interface ElementState {
  readonly element: Element;
  readonly condition: Condition;
  /** The word it is told to be; null when nothing commands it or the command is not known. */
  readonly commanded: string | null;
  /** The word it proves; null when nothing proves it or it is not known. */
  readonly proven: string | null;
  readonly pose: Pose;
  /** The trips that are set, as points. */
  readonly trips: readonly string[];
  /** Seconds that commanded and proven have differed, 0 when they agree. */
  readonly differsS: number;
}

export const BETWEEN = "between positions";
export const CONTRADICTION = "two positions at once";

const NEGATION = "not ";

/** Whether a point as it is written in rig.yaml (`not word.BIT`) holds. */
export function holds(points: Points, written: string): boolean | null {
  if (!written.startsWith(NEGATION)) return points.point(written);
  const value = points.point(written.slice(NEGATION.length));
  return value === null ? null : !value;
}

/** Time going back by more than this is another core's clock; less is the rounding of ages. */
const ANOTHER_CLOCK_S = 5;

/** Remembers since when each element has differed from its command: the only state that a drawing needs. */
export class Travel {
  private clockS = -Infinity;
  private readonly since = new Map<string, number>();

  /** Seconds that the element has differed at `timeS`; the first status that shows it counts as zero. */
  differs(id: string, differs: boolean, timeS: number): number {
    if (Number.isNaN(timeS)) return 0; // nothing was read yet
    if (timeS < this.clockS - ANOTHER_CLOCK_S) this.since.clear();
    this.clockS = timeS < this.clockS - ANOTHER_CLOCK_S ? timeS : Math.max(this.clockS, timeS);
    if (!differs) {
      this.since.delete(id);
      return 0;
    }
    const since = this.since.get(id) ?? this.clockS;
    this.since.set(id, since);
    return this.clockS - since;
  }
}

export function stateOf(element: Element, points: Points, travel: Travel): ElementState {
  const { commanded: command } = element;
  const told = command === null ? null : points.point(command.point);
  const commanded = command === null || told === null ? null : told ? command.on : command.off;
  const proven = provenWord(element, points);
  const trips = element.trips.filter((trip) => points.point(trip) === true);
  if (points.stale || unreadable(element, points)) {
    return { element, condition: "unknown", commanded, proven, pose: "unknown", trips, differsS: 0 };
  }
  const differs = proven !== null && differ(commanded, proven);
  const differsS = travel.differs(element.id, differs, points.timeS);
  const condition = conditionOf(element, proven, trips, differs, differsS);
  return { element, condition, commanded, proven, pose: poseOf(element, commanded, proven), trips, differsS };
}

function provenWord(element: Element, points: Points): string | null {
  if (element.proven.length === 0) return null;
  const held = element.proven.map(({ points: names }) => names.map((name) => holds(points, name)));
  if (held.flat().includes(null)) return null;
  const words = element.proven.filter((_, index) => held[index]?.every((value) => value === true));
  if (words.length > 1) return CONTRADICTION;
  return words[0]?.word ?? BETWEEN;
}

function differ(commanded: string | null, proven: string): boolean {
  return proven === BETWEEN || proven === CONTRADICTION || (commanded !== null && commanded !== proven);
}

function unreadable(element: Element, points: Points): boolean {
  const names = [...element.proven.flatMap(({ points: written }) => written), ...element.trips];
  if (element.commanded !== null) names.push(element.commanded.point);
  return names.some((name) => holds(points, name) === null);
}

function conditionOf(
  element: Element,
  proven: string | null,
  trips: readonly string[],
  differs: boolean,
  differsS: number,
): Condition {
  if (trips.length > 0) return "tripped";
  if (differs) return differsS <= element.travel_s ? "moving" : "mismatch";
  return element.normal !== "" && proven !== null && proven !== element.normal ? "abnormal" : "normal";
}

function poseOf(element: Element, commanded: string | null, proven: string | null): Pose {
  if (proven === BETWEEN || proven === CONTRADICTION) return "between";
  const word = element.proven.length > 0 ? proven : commanded;
  return word !== null && word === element.active ? "active" : "inactive";
}

/** The words for a condition that somebody must notice, "" for a normal one. */
export function conditionWord(state: ElementState): string {
  switch (state.condition) {
    case "normal":
      return "";
    case "moving":
      return "moving";
    case "mismatch":
      return "MISMATCH";
    case "abnormal":
      return "not normal";
    case "tripped":
      return "TRIP";
    case "unknown":
      return "unknown";
  }
}

/** The commanded state in words, for the table and for screen readers. */
export function commandedText(state: ElementState): string {
  if (state.element.commanded === null) return "–";
  return state.commanded ?? "unknown";
}

/** The proven state in words; what a stale point said last is named as that. */
export function provenText(state: ElementState): string {
  if (state.element.proven.length === 0) return state.condition === "unknown" ? "unknown" : "–";
  if (state.condition !== "unknown") return state.proven ?? "unknown";
  return state.proven === null ? "unknown" : `unknown, last ${state.proven}`;
}
