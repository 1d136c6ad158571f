/** The last minutes of every channel, in memory of a fixed size, and what of it fits on so many pixels. */

export const HISTORY_S = 600;
/** Longest trend that can be shown. */

export const ROWS_MAX = 32_768;
/** HISTORY_S at the 50 frames/s of a core and a little more; a faster core keeps less time, never more memory. */

/** A stretch of history as it is drawn: x in seconds, and for every asked channel as many values (NaN: none). */
export interface Window {
  readonly x: Float64Array;
  readonly values: readonly Float32Array[];
}

const EMPTY: Window = { x: new Float64Array(0), values: [] };

export class History {
  private readonly times: Float64Array;
  private columns: Float32Array[] = [];
  /** Rows ever pushed; row n lies at n modulo the capacity. */
  private pushed = 0;

  constructor(readonly capacity = ROWS_MAX) {
    this.times = new Float64Array(capacity);
  }

  /** Forget everything: another core has other channels. */
  reset(channels: number): void {
    this.columns = Array.from({ length: channels }, () => new Float32Array(this.capacity));
    this.pushed = 0;
  }

  get length(): number {
    return Math.min(this.pushed, this.capacity);
  }

  /** Time of the newest row; NaN when there is none. */
  get endS(): number {
    return this.pushed === 0 ? NaN : (this.times[(this.pushed - 1) % this.capacity] as number);
  }

  /** Time of the oldest row; NaN when there is none. */
  get startS(): number {
    return this.pushed === 0 ? NaN : this.time(this.pushed - this.length);
  }

  /** Append a row. Rows that do not advance the time are refused (false): a resumed stream may repeat some. */
  push(timeS: number, value: (channel: number) => number): boolean {
    if (!(timeS > this.endS) && this.pushed > 0) return false;
    const at = this.pushed % this.capacity;
    this.times[at] = timeS;
    for (let channel = 0; channel < this.columns.length; channel++)
      (this.columns[channel] as Float32Array)[at] = value(channel);
    this.pushed++;
    return true;
  }

  /**
   * The rows between two times, decimated to at most about two points per pixel with every extreme kept.
   *
   * Bins begin at multiples of the row number, so that a scrolling picture does not shimmer. A bin gives two points,
   * its extremes in the order they came; a bin with a gap in it gives a gap.
   */
  window(fromS: number, toS: number, pixels: number, channels: readonly number[]): Window {
    const first = this.lowerBound(fromS);
    const end = this.lowerBound(toS, true);
    if (end <= first) return { ...EMPTY, values: channels.map(() => new Float32Array(0)) };
    const bin = binRows(end - first, pixels);
    return bin === 1 ? this.rows(first, end, channels) : this.bins(first, end, bin, channels);
  }

  private rows(first: number, end: number, channels: readonly number[]): Window {
    return {
      x: copy(this.times, first, end, (n) => new Float64Array(n)),
      values: channels.map((channel) => copy(this.column(channel), first, end, (n) => new Float32Array(n))),
    };
  }

  private bins(first: number, end: number, bin: number, channels: readonly number[]): Window {
    // The first bin begins left of the window: the line goes to the edge. The oldest rows may be gone already.
    const start = Math.max(Math.floor(first / bin) * bin, this.pushed - this.length);
    const count = Math.ceil((end - start) / bin);
    const x = new Float64Array(2 * count);
    for (let n = 0; n < count; n++) {
      const [from, to] = [start + n * bin, Math.min(start + (n + 1) * bin, end)];
      x[2 * n] = this.time(from);
      x[2 * n + 1] = this.time(from + ((to - from) >> 1));
      if (to - from === 1) x[2 * n + 1] = this.time(from) + 1e-6; // x must not stand still
    }
    return { x, values: channels.map((channel) => this.extremes(this.column(channel), start, end, bin, count)) };
  }

  private extremes(column: Float32Array, start: number, end: number, bin: number, count: number): Float32Array {
    const out = new Float32Array(2 * count);
    for (let n = 0; n < count; n++) {
      const from = start + n * bin;
      const to = Math.min(from + bin, end);
      let [low, high, lowAt, highAt] = [Infinity, -Infinity, from, from];
      let gap = false;
      for (let row = from; row < to; row++) {
        const value = column[row % this.capacity] as number;
        if (value < low) [low, lowAt] = [value, row];
        if (value > high) [high, highAt] = [value, row];
        if (value !== value) gap = true;
      }
      if (gap) [low, high] = [NaN, NaN];
      out[2 * n] = lowAt <= highAt ? low : high;
      out[2 * n + 1] = lowAt <= highAt ? high : low;
    }
    return out;
  }

  /** Number of the first kept row at or after `timeS` (`after`: after it). */
  private lowerBound(timeS: number, after = false): number {
    let [low, high] = [this.pushed - this.length, this.pushed];
    while (low < high) {
      const middle = (low + high) >>> 1;
      const time = this.time(middle);
      if (time < timeS || (after && time === timeS)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  private time(row: number): number {
    return this.times[row % this.capacity] as number;
  }

  private column(channel: number): Float32Array {
    const column = this.columns[channel];
    if (column === undefined) throw new RangeError(`channel ${channel} of ${this.columns.length}`);
    return column;
  }
}

/** Rows per bin: a power of two, so that the bins change seldom while a window fills. */
function binRows(rows: number, pixels: number): number {
  let bin = 1;
  while (rows / bin > 2 * Math.max(pixels, 1)) bin *= 2;
  return bin === 1 ? 1 : 2 * bin;
}

function copy<T extends Float32Array | Float64Array>(ring: T, first: number, end: number, make: (n: number) => T): T {
  const out = make(end - first);
  const at = first % ring.length;
  const head = Math.min(ring.length - at, end - first);
  out.set(ring.subarray(at, at + head));
  if (head < end - first) out.set(ring.subarray(0, end - first - head), head);
  return out;
}
