import { expect, test } from "vitest";

import { CalmRange, agoLabels, agoSplits, align, rounded, tickLabels, withGaps } from "./align";

test("one x is used as it is, and nothing is copied", () => {
  const [x, a, b] = [Float64Array.of(1, 2), Float32Array.of(3, 4), Float32Array.of(5, 6)];
  const aligned = align([
    { x, columns: [a] },
    { x: Float64Array.of(1, 2), columns: [b] },
  ]);
  expect(aligned.x).toBe(x);
  expect(aligned.columns[0]).toBe(a);
  expect(aligned.columns[1]).toBe(b);
});

test("different x are joined: undefined where a trace has no point, null where it has a gap", () => {
  const aligned = align([
    { x: [1, 3], columns: [[10, NaN]] },
    { x: [2, 3], columns: [[7, 8], [5, 6]] },
  ]);
  expect([...Array.from(aligned.x)]).toEqual([1, 2, 3]);
  expect(aligned.columns).toEqual([
    [10, undefined, null],
    [undefined, 7, 8],
    [undefined, 5, 6],
  ]);
  expect(align([]).columns).toEqual([]);
});

test("not a number is a gap", () => expect(withGaps([1, NaN])).toEqual([1, null]));

test("a range grows at once and shrinks late", () => {
  const calm = new CalmRange();
  expect(calm.range(null, null)).toEqual([0, 1]);
  const first = calm.range(0, 100);
  expect(first[0]).toBe(0);
  expect(first[1]).toBeGreaterThan(100);
  expect(calm.range(10, 90)).toEqual(first);
  expect(calm.range(0, 500)[1]).toBeGreaterThan(500);
  expect(calm.range(0, 20)[1]).toBeLessThan(50);
});

test.each([
  [0, 0],
  [5, 5],
  [-3, 3],
  [2999, 3001],
  [-1e-9, 1e-9],
])("a range of %s to %s has room", (low, high) => {
  const [bottom, top] = rounded(low, high);
  expect(bottom).toBeLessThanOrEqual(low);
  expect(top).toBeGreaterThan(high);
});

test("ticks share a prefix, and the last has the unit", () => {
  expect(tickLabels([0, 1000, 2000, 3000], "V")).toEqual(["0", "1", "2", "3 kV"]);
  expect(tickLabels([-5e-4, 0, 5e-4], "s")).toEqual(["-500", "0", "500 µs"]);
  expect(tickLabels([0, 0.5, 1], "A")).toEqual(["0.0", "0.5", "1.0 A"]);
});

test("time before now", () => {
  expect(agoSplits(70, 100, 6)).toEqual([70, 75, 80, 85, 90, 95, 100]);
  expect(agoLabels([70, 85, 100], 100)).toEqual(["−30 s", "−15 s", "now"]);
  expect(agoLabels([0, 450, 600], 600)).toEqual(["−10 min", "−2.5 min", "now"]);
});
