/** From the answer about a train to what is drawn and read out. Pure. */

import type { Row } from "../../page/figures";
import { text } from "../../bench/format";
import type { Statistic, Train } from "./api";
import type { ColourScale } from "./colours";

/** A picture of `height` rows and `width` columns; arrays row after row, in the channel's unit. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly low: Float32Array;
  readonly high: Float32Array;
  /** The extreme that is further from the typical pulse; the middle of both where neither is beyond the noise. */
  readonly shown: Float32Array;
}

export function pictureOf(train: Train): Picture {
  const [low, high] = [values(train.low, train), values(train.high, train)];
  const [width, height] = [train.t.length, Math.max(train.rows.length - 1, 0)];
  const shown = new Float32Array(low.length);
  for (let n = 0; n < low.length; n++) {
    const [bottom, top, column] = [low[n] as number, high[n] as number, n % width];
    const over = top - (train.typical_high[column] ?? 0);
    const under = (train.typical_low[column] ?? 0) - bottom;
    if (Math.max(over, under) <= train.quiet) shown[n] = 0.5 * (bottom + top);
    else shown[n] = over >= under ? top : bottom;
  }
  return { width, height, low, high, shown };
}

function values(packed: string, { scale, offset }: Train): Float32Array {
  const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  return Float32Array.from({ length: bytes.length / 2 }, (_, n) => view.getInt16(2 * n, true) * scale + offset);
}

/** What the colours have to cover: everything that is shown, and zero. */
export function scaleOf({ shown }: Picture): ColourScale {
  let [low, high] = [0, 0];
  for (const value of shown) [low, high] = [Math.min(low, value), Math.max(high, value)];
  return { low, high };
}

/** Round numbers within `low` to `high`, about `count` of them. */
export function ticks(low: number, high: number, count: number): number[] {
  const raw = (high - low) / Math.max(count, 1);
  if (!(raw > 0) || !Number.isFinite(raw)) return [low];
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = ([1, 2, 2.5, 5, 10].find((factor) => factor * power >= raw * 0.999) ?? 10) * power;
  const [first, last] = [Math.ceil(low / step - 1e-9), Math.floor(high / step + 1e-9)];
  return Array.from({ length: Math.max(last - first + 1, 0) }, (_, n) => (first + n) * step);
}

/** Whole numbers of pulses worth a label, the first of them shown for certain. */
export function pulseTicks(first: number, last: number, count: number): number[] {
  const found = ticks(first, last, count).map(Math.round);
  const span = last - first;
  const near = (tick: number): boolean => tick - first < 0.06 * span;
  return [...new Set([first, ...found.filter((tick) => tick >= first && !near(tick))])];
}

/** Where a key moves the cursor (row and column); null when it is no such key. */
export function keyTarget(
  key: string,
  far: boolean,
  at: readonly [number, number],
  size: readonly [number, number],
): [number, number] | null {
  const [rows, columns] = size;
  const step = far ? 10 : 1;
  const page = Math.max(1, Math.round(rows / 10));
  const moves: Readonly<Record<string, readonly [number, number]>> = {
    ArrowUp: [-step, 0],
    ArrowDown: [step, 0],
    ArrowLeft: [0, -step],
    ArrowRight: [0, step],
    PageUp: [-page, 0],
    PageDown: [page, 0],
    Home: [-rows, 0],
    End: [rows, 0],
  };
  const move = moves[key];
  if (move === undefined) return null;
  const inside = (value: number, end: number): number => Math.min(Math.max(value, 0), Math.max(end - 1, 0));
  return [inside(at[0] + move[0], rows), inside(at[1] + move[1], columns)];
}

/** Pulses to show after a zoom by `factor` about `pulse`; at least as many as a person can tell apart. */
export function zoomedPulses(first: number, last: number, pulse: number, factor: number, all: number): [number, number] {
  const count = Math.min(all, Math.max(8, Math.round((last - first + 1) / factor)));
  const share = (pulse - first) / Math.max(last - first, 1);
  const from = Math.round(pulse - share * (count - 1));
  const begin = Math.min(Math.max(from, 1), all - count + 1);
  return [begin, begin + count - 1];
}

/** The row that has a pulse; the last one for a pulse beyond. */
export function rowOf(train: Train, pulse: number): number {
  const after = train.rows.findIndex((begin) => begin > pulse);
  return Math.max(0, (after === -1 ? train.rows.length - 1 : after) - 1);
}

/** `pulse 3128`, or with its neighbours in the row: `pulse 3128, the most unusual of 3126 to 3146`. */
export function pulseText(train: Train, row: number): string {
  const [first, end] = [train.rows[row] ?? 1, train.rows[row + 1] ?? 2];
  const pulse = train.unusual[row] ?? first;
  return end - first > 1 ? `pulse ${pulse}, the most unusual of ${first} to ${end - 1}` : `pulse ${pulse}`;
}

/** The value of a cell, with its extremes when it has more than one value. */
export function cellText(train: Train, picture: Picture, row: number, column: number): string {
  const n = row * picture.width + column;
  const [low, high, shown] = [picture.low[n] ?? NaN, picture.high[n] ?? NaN, picture.shown[n] ?? NaN];
  const size = Math.max(Math.abs(low), Math.abs(high));
  const value = text(shown, train.unit, size);
  if (high - low <= train.quiet) return value;
  return `${value} (${text(low, train.unit, size)} … ${text(high, train.unit, size)})`;
}

/** Pulses that are missing, in words. */
export function missingText({ missing, missing_pulses: named, pulses, planned }: Train): string {
  if (missing === 0) return "no pulse is missing";
  const several = missing > 1 ? `${missing} pulses are missing` : "1 pulse is missing";
  const never = planned - pulses;
  const listed = named.slice(0, 8).join(", ") + (named.length > 8 ? ", …" : "");
  const parts = [named.length > 0 ? `number ${listed}` : "", never > 0 ? `${never} never triggered` : ""];
  return `${several}: ${parts.filter((part) => part !== "").join("; ")}`;
}

const QUANTITIES: Readonly<Record<string, string>> = { peak: "Peak", flat_top: "Flat top", width: "Width at half" };

function quantityTitle({ quantity }: Statistic): string {
  return QUANTITIES[quantity] ?? quantity;
}

/** What heads the columns of `statisticRows`. */
export function statisticHeads(statistics: readonly Statistic[]): string[] {
  return [`Of ${statistics[0]?.count ?? 0} pulses`, "Smallest", "Mean", "Largest", "Standard deviation"];
}

/** What was measured of every pulse, over all of them, as rows of a table. */
export function statisticRows(statistics: readonly Statistic[]): Row[] {
  return statistics.map((each) => ({
    key: each.quantity,
    title: quantityTitle(each),
    figures: statisticTexts(each),
    verdict: null,
  }));
}

/** Three numbers with the prefix of their largest, and the deviation with its own: it is far smaller. */
function statisticTexts({ unit, min, mean, max, std }: Statistic): string[] {
  const size = Math.max(...[min, mean, max].map((value) => Math.abs(value ?? 0)));
  return [...[min, mean, max].map((value) => text(value, unit, size, 4)), text(std, unit, null, 3)];
}

/** Everything about the train that the picture tells the eye. */
export function summary(train: Train): string {
  const top = train.statistics.find(({ quantity }) => quantity === "flat_top");
  const size = Math.max(Math.abs(top?.min ?? 0), Math.abs(top?.max ?? 0));
  const flat =
    top === undefined || top.mean === null
      ? ""
      : `flat top ${text(top.mean, top.unit, size)} on average, ${text(top.min, top.unit, size)} to ${text(top.max, top.unit, size)}`;
  const odd = train.worst === null ? "" : `of those that came, pulse ${train.worst} is furthest from the median`;
  const parts = [`${train.pulses} pulses in ${text(train.duration_s, "s")}`, flat, missingText(train), odd];
  return `${parts.filter((part) => part !== "").join("; ")}.`;
}
