/** Arithmetic of time ranges: what is shown, zoomed, moved and asked for. Seconds relative to T0. Pure. */

export type Range = readonly [number, number];

/** A wheel notch of 100 units zooms by this. */
const NOTCH = 1.25;

/** Points of one answer: enough for any screen, few enough for a phone. */
const POINTS_MIN = 200;
const POINTS_MAX = 4000;

/** Everything that any of them covers; null when there is nothing. */
export function union(ranges: readonly (readonly [number | null, number | null])[]): Range | null {
  const known = ranges.filter((range): range is Range => range[0] !== null && range[1] !== null);
  if (known.length === 0) return null;
  return [Math.min(...known.map(([from]) => from)), Math.max(...known.map(([, to]) => to))];
}

/** The part of `range` inside `extent`; null (everything) when it covers all of it or lies outside. */
export function within(range: Range | null, extent: Range): Range | null {
  if (range === null) return null;
  const [from, to] = [Math.max(range[0], extent[0]), Math.min(range[1], extent[1])];
  if (to <= from || (from === extent[0] && to === extent[1])) return null;
  return [from, to];
}

/** The range zoomed by `factor` about `at` (its middle without one). */
export function zoomed(range: Range, factor: number, at: number = (range[0] + range[1]) / 2): Range {
  const about = Math.min(Math.max(at, range[0]), range[1]);
  return [about - (about - range[0]) / factor, about + (range[1] - about) / factor];
}

/** The range moved by a share of its length, kept inside `extent`. */
export function moved(range: Range, share: number, extent: Range): Range {
  const length = range[1] - range[0];
  const from = Math.min(Math.max(range[0] + share * length, extent[0]), Math.max(extent[0], extent[1] - length));
  return [from, from + length];
}

/** How much a turn of the wheel zooms; `lines` when the wheel counts lines (DOM_DELTA_LINE). */
export function wheelFactor(delta: number, lines: boolean): number {
  return NOTCH ** (-(lines ? delta * 33 : delta) / 100);
}

/**
 * What to ask for to show `range`: half a width more on both sides, so that a little move shows no empty edge; and
 * so many points that each column of the screen has its own.
 */
export function asked(range: Range | null, extent: Range, width: number): { range: Range | null; points: number } {
  const columns = Math.round(width * 1.5);
  const limited = (count: number): number => Math.min(POINTS_MAX, Math.max(POINTS_MIN, count));
  if (range === null) return { range: null, points: limited(columns) };
  const half = (range[1] - range[0]) / 2;
  const wide = within([range[0] - half, range[1] + half], extent);
  const share = wide === null ? (extent[1] - extent[0]) / (2 * half || 1) : (wide[1] - wide[0]) / (2 * half || 1);
  return { range: wide, points: limited(Math.ceil(columns * share)) };
}
