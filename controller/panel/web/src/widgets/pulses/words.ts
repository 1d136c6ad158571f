/** What a run with pulses says of itself, from the channels of one group and the words of the PLC's run block. Pure. */

import type { Bench, Reading } from "../../bench/bench";
import { text } from "../../bench/format";
import type { WordInfo } from "../../bench/messages";

/** The group of the channels that this widget shows, and the tiles therefore do not. */
export const PULSES = "pulses";

/** Shown together as one figure, or as a part of another. */
const TOGETHER = new Set(["pulses", "pulses_asked", "hours_to_goal", "hours_to_goal_late"]);

/** A bit that says nothing more than that there is another. */
const ANY = "ANY";

export interface Fact {
  readonly name: string;
  readonly title: string;
  readonly text: string;
  readonly stale: boolean;
  /** Beyond its limits. */
  readonly wrong: boolean;
}

/** Counts with their thousands apart: 360 000 000. */
export function count(value: number): string {
  if (!Number.isFinite(value)) return "–";
  return value.toFixed(0).replace(/\B(?=(\d{3})+$)/g, "\u202f");
}

/** What is valid of the group, in its order; a value that means nothing in this run is left out. */
export function factsOf(readings: readonly Reading[]): Fact[] {
  const facts = readings
    .filter(({ channel, value }) => !TOGETHER.has(channel.name) && Number.isFinite(value))
    .map(({ channel, value, stale }) => ({
      name: channel.name,
      title: channel.title,
      text: channel.unit === "count" ? count(value) : text(value, channel.unit, channel.high ?? channel.low),
      stale,
      wrong: (channel.high !== null && value > channel.high) || (channel.low !== null && value < channel.low),
    }));
  const goal = hours(readings);
  return goal === null ? facts : [...facts, goal];
}

/** `12 to 31 h`: the two extrapolations of one estimate. */
function hours(readings: readonly Reading[]): Fact | null {
  const [early, late] = ["hours_to_goal", "hours_to_goal_late"].map((name) =>
    readings.find(({ channel }) => channel.name === name),
  );
  if (early === undefined || late === undefined || !Number.isFinite(early.value)) return null;
  const digits = early.value < 10 ? 1 : 0;
  const both = `${early.value.toFixed(digits)} to ${late.value.toFixed(digits)} h`;
  return { name: early.channel.name, title: "Hours to goal", text: both, stale: early.stale, wrong: false };
}

/** Which causes keep the next pulse back, in words. */
export function causesOf(words: readonly WordInfo[], point: Bench["point"]): string[] {
  const bits = words.find(({ name }) => name === "inhibit")?.bits ?? [];
  return bits
    .filter((bit) => bit !== "" && bit !== ANY && point(`inhibit.${bit}`) === true)
    .map((bit) => bit.toLowerCase().replaceAll("_", " ").replace("vswr", "VSWR"));
}
