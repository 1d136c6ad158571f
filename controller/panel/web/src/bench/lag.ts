/**
 * How far the stream lags behind the bench, from two clocks that were never set to each other.
 *
 * The smallest difference between arrival and bench time that was seen lately is a message without delay; what a later
 * one needed beyond that is lag, and belongs to the age of what it carries (a viewer on a slow line sees old numbers).
 * The smallest of two periods is used, so that clocks that drift apart (50 ppm: 30 ms in ten minutes) are no lag.
 */
export const PERIOD_S = 300;

export class Lag {
  private smallest = Infinity;
  private smallestBefore = Infinity;
  private since = -Infinity;

  /** A row of bench time `benchS` came at `now` (browser, monotonic). */
  note(benchS: number, now: number): void {
    if (now - this.since > PERIOD_S) {
      [this.smallestBefore, this.smallest, this.since] = [this.smallest, Infinity, now];
    }
    this.smallest = Math.min(this.smallest, now - benchS);
  }

  /** Browser time minus bench time; NaN before the first row. */
  get offset(): number {
    const smallest = Math.min(this.smallest, this.smallestBefore);
    return Number.isFinite(smallest) ? smallest : NaN;
  }

  /** By how much a row of `benchS` that came at `now` was late; 0 when nothing can be said. */
  seconds(benchS: number, now: number): number {
    const lag = now - benchS - this.offset;
    return Number.isFinite(lag) ? Math.max(0, lag) : 0;
  }

  reset(): void {
    this.smallest = this.smallestBefore = Infinity;
    this.since = -Infinity;
  }
}
