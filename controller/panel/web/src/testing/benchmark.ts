/**
 * How fast the plot scrolls: TRACES traces of POINTS points, moved on with every picture. Not part of the page.
 *
 * `window.measure(seconds, pixels)` draws for so long and says how long the pictures and their script took;
 * `pixels` is what the history is decimated to, 0 for every point.
 */

import { Plot } from "../plot/uplot";
import { History } from "../stream/history";
import "../theme.css";

const TRACES = 20;
const POINTS = 5000;
const STEP_S = 0.02;
const HEIGHT_PX = 500;

export interface Measured {
  readonly pictures: number;
  readonly seconds: number;
  /** Time between pictures, sorted, in ms. */
  readonly between_ms: readonly number[];
  /** Script of a picture (window, setData, uPlot's drawing), sorted, in ms. */
  readonly script_ms: readonly number[];
  readonly points: number;
}

const history = new History(2 * POINTS);
history.reset(TRACES);
let row = 0;

/** Signals as a bench has them: a ramp, a ripple, noise; deterministic. */
function push(): void {
  const at = row++;
  history.push(at * STEP_S, (trace) => {
    const noise = ((Math.imul(at * TRACES + trace, 2654435761) >>> 16) & 0xff) / 2550;
    return trace + Math.sin(at / (40 + 7 * trace)) * 0.8 + noise;
  });
}

while (row < POINTS) push();

const host = document.getElementById("plot");
if (host === null) throw new Error("bench.html has no element #plot");
const plot = new Plot(host, { label: "benchmark", xTitle: "time", xFrom: "now", height: HEIGHT_PX });
plot.setTraces(
  Array.from({ length: TRACES }, (_, n) => ({ name: `t${n}`, title: `t${n}`, unit: "V", slot: n, shown: true })),
);
const channels = Array.from({ length: TRACES }, (_, n) => n);

function draw(pixels: number): number {
  push();
  const [from, to] = [history.endS - (POINTS - 1) * STEP_S, history.endS];
  const { x, values } = history.window(from, to, pixels === 0 ? POINTS : pixels, channels);
  plot.setData(
    values.map((each) => ({ x, values: each })),
    [from, to],
  );
  return x.length;
}

async function measure(seconds: number, pixels: number): Promise<Measured> {
  const [between, script]: [number[], number[]] = [[], []];
  let points = 0;
  const begun = performance.now();
  let last = await nextPicture();
  while (last - begun < seconds * 1000) {
    const before = performance.now();
    points = draw(pixels);
    await Promise.resolve(); // uPlot draws in a microtask
    script.push(performance.now() - before);
    const now = await nextPicture();
    between.push(now - last);
    last = now;
  }
  const sorted = (values: number[]): number[] => values.sort((a, b) => a - b);
  const took = (last - begun) / 1000;
  return { pictures: between.length, seconds: took, between_ms: sorted(between), script_ms: sorted(script), points };
}

function nextPicture(): Promise<number> {
  return new Promise((resolve) => requestAnimationFrame(resolve));
}

Object.assign(window, { measure });
