/**
 * Moving a plot's cursor and zooming it by keyboard and by touch; the mouse is uPlot's.
 *
 * The plot is a slider to assistive technology: its value is where the cursor is, its text what the traces are there.
 * Keys: arrows (with Shift: further), Home, End, + and - zoom about the cursor, 0 or Escape shows everything again.
 * Touch: one finger sideways moves the cursor, two fingers zoom; up and down scroll the page as anywhere.
 */

import type { Cursor } from "./uplot";

/** What can be done to a plot. */
export interface Steering {
  area(): HTMLElement | null;
  /** The visible range of x. */
  shown(): readonly [number, number] | null;
  cursor(): Cursor | null;
  /** x at so many CSS pixels from the left of the area. */
  at(left: number): number;
  moveTo(x: number | null): void;
  /** null: this plot does not zoom. */
  readonly zoomTo: ((range: readonly [number, number] | null) => void) | null;
  readout(cursor: Cursor | null): string;
}

const STEP = 0.01;
const LEAP = 0.1;
const ZOOM = 2;
const NARROWEST = 1e-9;
/** A nanosecond: nothing here is sampled faster. */

/** The range zoomed by `factor` about `x`. */
export function zoomedAbout(range: readonly [number, number], x: number, factor: number): [number, number] {
  const [from, to] = range;
  const at = Math.min(Math.max(x, from), to);
  return [at - (at - from) / factor, at + (to - at) / factor];
}

/** Where a key moves the cursor; null when it is no such key. */
export function keyTarget(key: string, shift: boolean, range: readonly [number, number], x: number): number | null {
  const [from, to] = range;
  const step = (to - from) * (shift ? LEAP : STEP);
  const targets: Record<string, number> = { ArrowLeft: x - step, ArrowRight: x + step, Home: from, End: to };
  const target = targets[key];
  return target === undefined ? null : Math.min(Math.max(target, from), to);
}

/** Make `host` steerable; the result undoes it. */
export function listen(host: HTMLElement, plot: Steering): () => void {
  const fingers = new Map<number, number>();
  host.tabIndex = 0;
  host.setAttribute("role", "slider");
  host.setAttribute("aria-orientation", "horizontal");
  host.setAttribute("aria-valuenow", "0"); // a slider has a value from the beginning
  host.setAttribute("aria-valuetext", plot.readout(null));
  host.style.touchAction = "pan-y";

  const say = (): void => {
    const [shown, cursor] = [plot.shown(), plot.cursor()];
    if (shown === null) return;
    host.setAttribute("aria-valuemin", String(shown[0]));
    host.setAttribute("aria-valuemax", String(shown[1]));
    host.setAttribute("aria-valuenow", String(cursor?.x ?? shown[1]));
    host.setAttribute("aria-valuetext", plot.readout(cursor));
  };

  const zoom = (range: readonly [number, number] | null): void => {
    if (range === null || range[1] - range[0] > NARROWEST) plot.zoomTo?.(range);
  };

  const key = (event: KeyboardEvent): void => {
    const shown = plot.shown();
    if (shown === null || event.ctrlKey || event.metaKey || event.altKey) return;
    const x = plot.cursor()?.x ?? shown[1];
    const target = keyTarget(event.key, event.shiftKey, shown, x);
    if (target !== null) plot.moveTo(target);
    else if (event.key === "+" || event.key === "=") zoom(zoomedAbout(shown, x, ZOOM));
    else if (event.key === "-") zoom(zoomedAbout(shown, x, 1 / ZOOM));
    else if (event.key === "0" || (event.key === "Escape" && !event.shiftKey)) zoom(null);
    else return;
    event.preventDefault();
    say();
  };

  const left = (event: PointerEvent): number => event.clientX - (plot.area()?.getBoundingClientRect().left ?? 0);

  const touch = (event: PointerEvent): void => {
    if (event.pointerType !== "touch") return;
    if (event.type === "pointerdown") fingers.set(event.pointerId, left(event));
    else if (event.type !== "pointermove") fingers.delete(event.pointerId);
    else if (fingers.has(event.pointerId)) {
      pinch(event);
      fingers.set(event.pointerId, left(event));
    }
    if (fingers.size === 1 && fingers.has(event.pointerId)) plot.moveTo(plot.at(left(event)));
  };

  const pinch = (event: PointerEvent): void => {
    const shown = plot.shown();
    const other = [...fingers].find(([id]) => id !== event.pointerId)?.[1];
    const before = fingers.get(event.pointerId);
    if (shown === null || other === undefined || before === undefined) return;
    const factor = Math.abs(left(event) - other) / Math.max(Math.abs(before - other), 1);
    if (factor > 0) zoom(zoomedAbout(shown, plot.at(other), factor));
  };

  const events = ["pointerdown", "pointermove", "pointerup", "pointercancel"] as const;
  host.addEventListener("keydown", key);
  host.addEventListener("focus", say);
  for (const event of events) host.addEventListener(event, touch);
  return () => {
    host.removeEventListener("keydown", key);
    host.removeEventListener("focus", say);
    for (const event of events) host.removeEventListener(event, touch);
  };
}
