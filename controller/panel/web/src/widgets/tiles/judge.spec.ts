import { expect, test } from "vitest";

import type { Reading } from "../../bench/bench";
import { barOf, judge } from "./judge";

function reading(value: number, high: number | null, low: number | null = null, stale = false): Reading {
  const channel = { name: "a", title: "A", unit: "V", source: "s", group: "", low, high };
  return { channel, value, ageS: 0, stale };
}

test.each([
  [reading(1, 2), ""],
  [reading(3, 2), "HIGH"],
  [reading(1, null, 2), "LOW"],
  [reading(NaN, 2), "NOT VALID"],
  [reading(3, 2, null, true), "STALE"],
  [null, "STALE"],
])("%#: %s", (given, word) => expect(judge(given).word).toBe(word));

test("limits are limits in the states that they are meant for", () => {
  const channel = { name: "flow", title: "", unit: "l/min", source: "", group: "", low: 20, high: 60, states: ["RUN"] };
  const dry = { channel, value: 0, ageS: 0, stale: false };
  expect([judge(dry, "RUN"), judge(dry, "SAFE"), judge(dry)].map(({ word }) => word)).toEqual(["LOW", "", ""]);
});

test("bars begin at zero", () => {
  const bar = barOf(reading(50, 100));
  expect(bar?.from).toBe(0);
  expect(bar?.to).toBeCloseTo(0.4545);
  expect(bar?.limits[0]).toBeCloseTo(0.909);
  expect(barOf(reading(500, 100))?.to).toBe(1);
  expect(barOf(reading(-50, 100, -100))).toMatchObject({ to: 0.5 });
  expect(barOf(reading(1, null))).toBe(null);
});
