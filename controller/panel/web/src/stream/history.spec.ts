import { expect, test } from "vitest";

import { History } from "./history";

/** Rows every 20 ms from t = 0: channel 0 is the row's number, channel 1 a lone spike at row 777. */
function filled(rows: number, capacity?: number): History {
  const history = new History(capacity);
  history.reset(2);
  for (let n = 0; n < rows; n++) history.push(n * 0.02, (channel) => (channel === 0 ? n : n === 777 ? 1000 : 0));
  return history;
}

test("gives every row of a short window as it is", () => {
  const { x, values } = filled(100).window(0.1, 0.2, 1000, [0]);
  expect([...x].map((t) => t.toFixed(2))).toEqual(["0.10", "0.12", "0.14", "0.16", "0.18", "0.20"]);
  expect([...(values[0] ?? [])]).toEqual([5, 6, 7, 8, 9, 10]);
});

test("keeps only as much as its capacity, over the end of the ring", () => {
  const history = filled(1000, 256);
  expect(history.length).toBe(256);
  const { x, values } = history.window(0, 100, 1000, [0]);
  expect(x.length).toBe(256);
  expect([...(values[0] ?? [])]).toEqual(Array.from({ length: 256 }, (_, i) => 744 + i));
});

test.each([50, 200, 800])("a lone spike is never lost on %i pixels", (pixels) => {
  const { x, values } = filled(20_000).window(0, 400, pixels, [0, 1]);
  expect(x.length).toBeLessThanOrEqual(4 * pixels);
  expect(Math.max(...(values[1] ?? []))).toBe(1000);
  for (let n = 1; n < x.length; n++) expect(x[n]).toBeGreaterThan(x[n - 1] as number);
});

test("bins stand still while the window moves", () => {
  const history = filled(20_000);
  const [a, b] = [history.window(100, 300, 200, [0]), history.window(100.5, 300.5, 200, [0])];
  const shared = new Set(a.x);
  const same = [...b.x].filter((t) => shared.has(t)).length;
  expect(same / b.x.length).toBeGreaterThan(0.95);
});

test("a gap stays a gap in a bin", () => {
  const history = new History();
  history.reset(1);
  for (let n = 0; n < 4000; n++) history.push(n, () => (n === 2000 ? NaN : n));
  const values = [...(history.window(0, 4000, 100, [0]).values[0] ?? [])];
  expect(values.filter(Number.isNaN).length).toBe(2);
});

test("refuses rows that do not advance, and is empty before the first", () => {
  const history = new History();
  history.reset(1);
  expect(history.endS).toBeNaN();
  expect(history.window(0, 1, 100, [0]).x.length).toBe(0);
  expect(history.push(1, () => 1)).toBe(true);
  expect(history.push(1, () => 2)).toBe(false);
  expect([history.length, history.startS, history.endS]).toEqual([1, 1, 1]);
});
