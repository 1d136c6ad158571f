/** What a plot needs that is no drawing: one x for all traces, ranges that keep still, tick labels. Pure. */

import { printedUnit, scaleFor } from "../bench/format";

/** Y values as the plot draws them: null is a gap, undefined a point that only another trace has. */
export type Column = ArrayLike<number> | (number | null | undefined)[];

/** A table of one x and the columns measured at it. */
export interface Table {
  readonly x: ArrayLike<number>;
  readonly columns: readonly ArrayLike<number>[];
}

/** Column with NaN as null; the column itself when it has none (nothing is copied while all is well). */
export function withGaps(column: ArrayLike<number>): Column {
  for (let i = 0; i < column.length; i++)
    if (Number.isNaN(column[i])) return Array.from(column, (value) => (Number.isNaN(value) ? null : value));
  return column;
}

/** Whether two x axes are the same points. */
export function sameX(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** All columns over one x, sorted: the union of the tables' x when they differ (undefined where a table has no point). */
export function align(tables: readonly Table[]): { x: ArrayLike<number>; columns: Column[] } {
  const first = tables[0];
  if (first === undefined) return { x: [], columns: [] };
  if (tables.every(({ x }) => sameX(x, first.x)))
    return { x: first.x, columns: tables.flatMap(({ columns }) => columns.map(withGaps)) };
  const x = Float64Array.from(new Set(tables.flatMap(({ x }) => Array.from(x)))).sort();
  const columns = tables.flatMap((table) => table.columns.map((column) => spread(x, table.x, column)));
  return { x, columns };
}

function spread(x: Float64Array, own: ArrayLike<number>, column: ArrayLike<number>): Column {
  const out = new Array<number | null | undefined>(x.length).fill(undefined);
  let at = 0;
  for (let i = 0; i < own.length; i++) {
    while (at < x.length && (x[at] as number) < (own[i] as number)) at++;
    const value = column[i] as number;
    out[at] = Number.isNaN(value) ? null : value;
  }
  return out;
}

/**
 * A y range that keeps still: it grows at once when data leave it, and shrinks only when they use less than half.
 *
 * An axis that moves with every sample cannot be read.
 */
export class CalmRange {
  private low = NaN;
  private high = NaN;

  range(low: number | null, high: number | null): [number, number] {
    if (low === null || high === null || !Number.isFinite(low) || !Number.isFinite(high))
      return Number.isFinite(this.low) ? [this.low, this.high] : [0, 1];
    const used = (high - low) / (this.high - this.low);
    if (!(low >= this.low && high <= this.high && used > 0.4)) [this.low, this.high] = rounded(low, high);
    return [this.low, this.high];
  }

  reset(): void {
    this.low = this.high = NaN;
  }
}

/** The range widened to round numbers, with room above and below; zero stays an end when the data begin there. */
export function rounded(low: number, high: number): [number, number] {
  const size = Math.max(Math.abs(low), Math.abs(high));
  const span = Math.max(high - low, size * 0.02, 1e-12);
  const step = 10 ** Math.floor(Math.log10(span)) / 2;
  const room = span * 0.08;
  const bottom = Math.floor((low - room) / step) * step;
  const top = Math.ceil((high + room) / step) * step;
  return [low >= 0 && low < span * 0.3 ? Math.min(0, low) : bottom, top];
}

/** Tick labels with one prefix for all; the last one has the unit: `0`, `1`, `2`, `3 kV`. */
export function tickLabels(splits: readonly number[], unit: string): string[] {
  const largest = Math.max(...splits.map(Math.abs), 0);
  const [scale, prefix] = scaleFor(largest, unit);
  const step = splits.length > 1 ? Math.abs((splits[1] as number) - (splits[0] as number)) / scale : 1;
  const places = Math.min(6, Math.max(0, -Math.floor(Math.log10(step) + 1e-9)));
  const last = splits.length - 1;
  return splits.map((value, n) => {
    const digits = (value / scale).toFixed(places).replace(/^-(0(\.0+)?)$/, "$1");
    return n === last ? `${digits} ${prefix}${printedUnit(unit)}`.trim() : digits;
  });
}

/** Labels of a time axis that ends now: `-30 s` … `now`, in minutes when it is long. */
export function agoLabels(splits: readonly number[], end: number): string[] {
  const longest = Math.max(...splits.map((value) => end - value), 0);
  return splits.map((value) => {
    const ago = end - value;
    if (ago < 1e-6) return "now";
    return longest > 90 ? `−${(ago / 60).toFixed(Number.isInteger(ago / 60) ? 0 : 1)} min` : `−${ago.toFixed(0)} s`;
  });
}

const AGO_STEPS_S = [1, 2, 5, 10, 15, 30, 60, 120, 300];

/** Places of the ticks of such an axis: round times before its end, about `count` of them. */
export function agoSplits(from: number, end: number, count: number): number[] {
  const step = AGO_STEPS_S.find((each) => (end - from) / each <= count) ?? 300;
  const splits: number[] = [];
  for (let ago = Math.floor((end - from) / step + 1e-9) * step; ago >= 0; ago -= step) splits.push(end - ago);
  return splits;
}
