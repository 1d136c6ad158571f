/**
 * The one place that knows uPlot: traces and bands, a cursor for mouse, touch and keyboard, zoom, both colour schemes.
 *
 * Traces of one unit share an axis. Colours are the page's (`--trace-0` …), in an order that colour-blind people can
 * tell apart, and every colour has its own dashes; what a trace is called is told by the legend beside the plot.
 */

import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";

import { text } from "../bench/format";
import { CalmRange, agoLabels, agoSplits, align, tickLabels, type Table } from "./align";
import { listen, type Steering } from "./steering";

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
  /** Trace name -> its value there, as [low, high] (equal for a line); a trace without a point is absent. */
  readonly values: ReadonlyMap<string, readonly [number, number]>;
}

export interface PlotOptions {
  /** What a screen reader says the plot is. */
  readonly label: string;
  /** Title of the x axis, e.g. `time before now` or `time after T0`; x is in seconds. Read out with the cursor. */
  readonly xTitle: string;
  readonly height: number;
  /** `now`: the axis counts back from its right end. `zero` (default): it counts from x = 0. */
  readonly xFrom?: "now" | "zero";
  /** Draw a line at x = 0 (T0). */
  readonly zeroLine?: boolean;
  /** Plots with the same key move their cursors together. */
  readonly syncKey?: string;
  /** Whether dragging, pinching and keys zoom (default). */
  readonly zoomable?: boolean;
  readonly onCursor?: (cursor: Cursor | null) => void;
  /** The viewer zoomed to [from, to], or back to everything (null). The plot has zoomed already. */
  readonly onZoom?: (range: readonly [number, number] | null) => void;
}

export const COLOURS = 6;
const DASHES: readonly number[][] = [[], [8, 4], [2, 3], [12, 3, 2, 3], [5, 2], [1, 5]];
/** Colour-blind people tell traces apart by these; trace 6 has the first colour again with other dashes. */

const AXIS_WIDTH = 74;
const AXES_MAX = 2;
/** One axis left, one right; further units are drawn to scale and read at the cursor. */

const LINE_PX = 1;
/** Without a graphics processor, Chromium draws lines of one pixel five times faster than wider ones. */

const FONT = "12px system-ui, sans-serif";

/** Dashes of a slot; used by legends too. */
export function dashes(slot: number): number[] {
  return DASHES[(slot + Math.floor(slot / COLOURS)) % DASHES.length] as number[];
}

/** CSS variable of a slot's colour; used by legends too. */
export function colour(slot: number): string {
  return `--trace-${slot % COLOURS}`;
}

export class Plot {
  private plot: uPlot | null = null;
  private traces: readonly Trace[] = [];
  private data: readonly TraceData[] = [];
  private shape = "";
  private range: readonly [number, number] | null = null;
  private zoomed: readonly [number, number] | null = null;
  private height: number;
  private theme: CSSStyleDeclaration;
  private readonly calm = new Map<string, CalmRange>();
  private readonly stops: (() => void)[] = [];

  constructor(
    private readonly host: HTMLElement,
    private readonly options: PlotOptions,
  ) {
    this.height = options.height;
    this.theme = getComputedStyle(host);
    const resized = new ResizeObserver(() => this.resize());
    resized.observe(host);
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    const repaint = (): void => this.plot?.redraw(false, true);
    scheme.addEventListener("change", repaint);
    this.stops.push(
      () => resized.disconnect(),
      () => scheme.removeEventListener("change", repaint),
      listen(host, this.steering()),
    );
  }

  /** Which traces there are, in drawing order; data of the same order follows with `setData`. */
  setTraces(traces: readonly Trace[]): void {
    this.traces = traces;
    if (this.data.length === traces.length) this.draw();
  }

  /** New points; `xRange` fixes the visible range (a scrolling trend), otherwise the zoom or all points are shown. */
  setData(data: readonly TraceData[], xRange?: readonly [number, number]): void {
    this.data = data;
    this.range = xRange ?? null;
    if (data.length === this.traces.length) this.draw();
  }

  /** Show [from, to] or everything (null). */
  zoom(range: readonly [number, number] | null): void {
    this.zoomed = range;
    this.calm.forEach((each) => each.reset());
    this.plot?.batch(() => this.setX());
  }

  setHeight(height: number): void {
    this.height = height;
    this.resize();
  }

  destroy(): void {
    for (const stop of this.stops) stop();
    this.plot?.destroy();
    this.plot = null;
  }

  private draw(): void {
    const shape = JSON.stringify([this.traces, this.data.map((each) => "low" in each)]);
    const { x, columns } = align(this.data.map(tableOf));
    const aligned = [x, ...columns] as uPlot.AlignedData;
    const { plot } = this;
    if (plot === null || shape !== this.shape) {
      plot?.destroy();
      this.shape = shape;
      this.plot = new uPlot(this.uplotOptions(), aligned, this.host);
      this.describe();
      this.plot.batch(() => this.setX());
      return;
    }
    plot.batch(() => {
      plot.setData(aligned, false);
      this.setX();
    });
  }

  /** The x range that is wanted now; without data there is none. */
  private setX(): void {
    const { plot } = this;
    const x = plot?.data[0];
    if (plot === null || plot === undefined || x === undefined) return;
    const all: readonly [number, number] = [x[0] ?? 0, x[x.length - 1] ?? 1];
    const [min, max] = this.range ?? this.zoomed ?? all;
    plot.setScale("x", { min, max: max > min ? max : min + 1 });
  }

  private resize(): void {
    const width = this.host.clientWidth;
    if (width > 0) this.plot?.setSize({ width, height: this.height });
  }

  /** The canvas is a picture for a screen reader; what it shows is read at the cursor (steering.ts). */
  private describe(): void {
    this.plot?.ctx.canvas.setAttribute("aria-hidden", "true");
    this.host.setAttribute("aria-label", this.options.label);
  }

  // ---- what uPlot is told

  private css(name: string): string {
    return this.theme.getPropertyValue(name).trim() || "#888";
  }

  private uplotOptions(): uPlot.Options {
    const units = [...new Set(this.traces.map(({ unit }) => unit))];
    const { syncKey, zoomable = true } = this.options;
    return {
      width: Math.max(this.host.clientWidth, 50),
      height: this.height,
      legend: { show: false },
      padding: [8, units.length > 1 ? 0 : 14, 0, 0],
      scales: { x: { time: false }, ...Object.fromEntries(units.map((unit) => [unit, this.scale(unit)])) },
      axes: [this.xAxis(), ...units.map((unit, n) => this.yAxis(unit, n))],
      series: [{}, ...this.traces.flatMap((trace, n) => this.series(trace, this.data[n]))],
      bands: this.bands(),
      cursor: {
        y: false,
        points: { show: false },
        drag: { x: zoomable, y: false, setScale: false, dist: 5 },
        bind: { dblclick: () => () => (this.userZoom(null), null) },
        ...(syncKey === undefined ? {} : { sync: { key: syncKey, scales: ["x", null] } }),
      },
      hooks: {
        setCursor: [(plot) => this.options.onCursor?.(this.cursorOf(plot))],
        setSelect: [(plot) => this.selected(plot)],
        draw: [(plot) => this.drawZero(plot)],
      },
    };
  }

  private scale(unit: string): uPlot.Scale {
    const calm = this.calm.get(unit) ?? new CalmRange();
    this.calm.set(unit, calm);
    return { auto: true, range: (_, low, high) => calm.range(low, high) };
  }

  private series(trace: Trace, data: TraceData | undefined): uPlot.Series[] {
    const one: uPlot.Series = {
      scale: trace.unit,
      show: trace.shown,
      stroke: () => this.css(colour(trace.slot)),
      width: LINE_PX,
      dash: dashes(trace.slot),
      pxAlign: 0,
      points: { show: false },
    };
    return data !== undefined && "low" in data ? [{ ...one, width: 1 }, { ...one, width: 1 }] : [one];
  }

  private bands(): uPlot.Band[] {
    const bands: uPlot.Band[] = [];
    let series = 1;
    this.traces.forEach((trace, n) => {
      const data = this.data[n];
      const band = data !== undefined && "low" in data;
      if (band) bands.push({ series: [series + 1, series], fill: () => this.css(colour(trace.slot)) + "80" });
      series += band ? 2 : 1;
    });
    return bands;
  }

  private axis(): uPlot.Axis {
    return {
      stroke: () => this.css("--quiet"),
      font: FONT,
      grid: { stroke: () => this.css("--grid"), width: 1 },
      ticks: { stroke: () => this.css("--grid"), width: 1, size: 4 },
    };
  }

  private xAxis(): uPlot.Axis {
    const axis: uPlot.Axis = { ...this.axis(), size: 30, space: 70 };
    if (this.options.xFrom !== "now") return { ...axis, values: (_, splits) => tickLabels(splits, "s") };
    return {
      ...axis,
      splits: (plot, _, from, end) => agoSplits(from, end, Math.max(2, plot.bbox.width / devicePixelRatio / 70)),
      values: (plot, splits) => agoLabels(splits, plot.scales["x"]?.max ?? 0),
    };
  }

  private yAxis(unit: string, n: number): uPlot.Axis {
    return {
      ...this.axis(),
      scale: unit,
      side: n === 0 ? 3 : 1,
      size: AXIS_WIDTH,
      show: n < AXES_MAX,
      space: 34,
      ...(n === 0 ? {} : { grid: { show: false } }),
      values: (_, splits) => tickLabels(splits, unit),
    };
  }

  private drawZero(plot: uPlot): void {
    const { min, max } = plot.scales["x"] ?? {};
    if (!this.options.zeroLine || min === undefined || max === undefined || min > 0 || max < 0) return;
    const { ctx, bbox } = plot;
    const x = Math.round(plot.valToPos(0, "x", true)) + 0.5;
    ctx.save();
    ctx.strokeStyle = this.css("--text");
    ctx.lineWidth = devicePixelRatio;
    ctx.setLineDash([2 * devicePixelRatio, 2 * devicePixelRatio]);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.restore();
  }

  // ---- what the viewer does

  private selected(plot: uPlot): void {
    const { left, width } = plot.select;
    if (width < 5) return;
    const range = [plot.posToVal(left, "x"), plot.posToVal(left + width, "x")] as const;
    plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    this.userZoom(range);
  }

  private userZoom(range: readonly [number, number] | null): void {
    if (this.options.zoomable === false) return;
    this.zoom(range);
    this.options.onZoom?.(range);
  }

  private cursorOf(plot: uPlot): Cursor | null {
    const { left, idx } = plot.cursor;
    if (left === undefined || left < 0 || idx === null || idx === undefined) return null;
    const values = new Map<string, readonly [number, number]>();
    let column = 1;
    this.traces.forEach((trace, n) => {
      const data = this.data[n];
      const low = nearest(plot.data[column], idx);
      const high = data !== undefined && "low" in data ? nearest(plot.data[++column], idx) : low;
      column++;
      if (trace.shown && low !== null && high !== null) values.set(trace.name, [low, high]);
    });
    return { x: plot.posToVal(left, "x"), values };
  }

  private steering(): Steering {
    return {
      area: () => this.plot?.over ?? null,
      shown: () => {
        const { min, max } = this.plot?.scales["x"] ?? {};
        return min === undefined || max === undefined ? null : [min, max];
      },
      cursor: () => (this.plot === null ? null : this.cursorOf(this.plot)),
      at: (left) => this.plot?.posToVal(left, "x") ?? 0,
      moveTo: (x) => this.moveCursor(x),
      zoomTo: this.options.zoomable === false ? null : (range) => this.userZoom(range),
      readout: (cursor) => this.readout(cursor),
    };
  }

  /** This plot's cursor, and those of the plots that move with it. */
  private moveCursor(x: number | null): void {
    const { plot } = this;
    if (plot === null) return;
    const { syncKey } = this.options;
    const plots = syncKey === undefined ? [plot] : uPlot.sync(syncKey).plots;
    for (const each of plots.includes(plot) ? plots : [plot])
      each.setCursor(x === null ? { left: -10, top: -10 } : { left: each.valToPos(x, "x"), top: 1 });
  }

  /** The cursor in words: `time before now 12.3 s: Probe A 2.5 kV`. */
  private readout(cursor: Cursor | null): string {
    if (cursor === null) return "no cursor; arrow keys move it";
    const end = this.plot?.scales["x"]?.max ?? 0;
    const x = this.options.xFrom === "now" ? end - cursor.x : cursor.x;
    const values = this.traces.flatMap(({ name, title, unit }) => {
      const value = cursor.values.get(name);
      return value === undefined ? [] : [`${title} ${text(value[1], unit)}`];
    });
    return `${this.options.xTitle} ${text(x, "s")}: ${values.join(", ") || "no value"}`;
  }
}

function tableOf(data: TraceData): Table {
  return { x: data.x, columns: "low" in data ? [data.low, data.high] : [data.values] };
}

/** The value at `idx` or, where the trace has no point there, of the nearest one; null in a gap. */
function nearest(column: ArrayLike<number | null | undefined> | undefined, idx: number): number | null {
  if (column === undefined) return null;
  for (let off = 0; off < 64; off++)
    for (const at of [idx - off, idx + off]) {
      const value = column[at];
      if (value !== undefined) return value;
    }
  return null;
}
