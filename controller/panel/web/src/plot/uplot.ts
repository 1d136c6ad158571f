/**
 * The one place that knows uPlot: traces with bands, a cursor for mouse, touch and keyboard, zoom, both colour schemes.
 *
 * Skeleton: the interface is fixed, the drawing follows.
 */

/** One trace: `slot` picks colour and dashes, the same on every plot of the page. */
export interface Trace {
  readonly name: string;
  readonly title: string;
  readonly unit: string;
  readonly slot: number;
  readonly shown: boolean;
}

/** The points of one trace; `low` and `high` (per bin) are drawn as a band, `values` as a line. NaN is a gap. */
export type TraceData =
  | { readonly x: ArrayLike<number>; readonly values: ArrayLike<number> }
  | { readonly x: ArrayLike<number>; readonly low: ArrayLike<number>; readonly high: ArrayLike<number> };

export interface Cursor {
  /** Where the cursor is, in the unit of x. */
  readonly x: number;
  /** Trace name -> value (for a band its low and high); a trace that has no point there is absent. */
  readonly values: ReadonlyMap<string, readonly [number, number]>;
}

export interface PlotOptions {
  /** What a screen reader says the plot is. */
  readonly label: string;
  /** Title of the x axis, e.g. `time before now` or `time after T0`; x is in seconds. */
  readonly xTitle: string;
  readonly height: number;
  /** Draw a line at x = 0 (T0). */
  readonly zeroLine?: boolean;
  /** Plots with the same key move their cursors together. */
  readonly syncKey?: string;
  readonly onCursor?: (cursor: Cursor | null) => void;
  /** The viewer zoomed to [from, to], or back to everything (null). The plot has zoomed already. */
  readonly onZoom?: (range: readonly [number, number] | null) => void;
}

export class Plot {
  constructor(host: HTMLElement, options: PlotOptions) {
    void host;
    void options;
  }

  /** Which traces there are, in drawing order; data of the same order follows with `setData`. */
  setTraces(traces: readonly Trace[]): void {
    void traces;
  }

  /** New points; `xRange` fixes the visible range (a scrolling trend), otherwise the zoom or all points are shown. */
  setData(data: readonly TraceData[], xRange?: readonly [number, number]): void {
    void data;
    void xRange;
  }

  /** Show [from, to] or everything (null). */
  zoom(range: readonly [number, number] | null): void {
    void range;
  }

  setHeight(height: number): void {
    void height;
  }

  destroy(): void {}
}
