import { expect, test } from "vitest";
import type { Reading } from "../../bench/bench";
import { causesOf, count, factsOf } from "./words";

function reading(name: string, value: number, unit = "count", high: number | null = null): Reading {
  const channel = { name, title: name, unit, source: "plc", group: "pulses", low: null, high };
  return { channel, value, ageS: 0, stale: false };
}

test("counts have their thousands apart", () => {
  expect([count(0), count(999), count(2000), count(360_000_000), count(NaN)]).toEqual([
    "0",
    "999",
    "2\u202f000",
    "360\u202f000\u202f000",
    "–",
  ]);
});

test("what means nothing in this run is left out, and the two hours are one figure", () => {
  const facts = factsOf([
    reading("pulses", 12),
    reading("pulses_missing", 3),
    reading("field", NaN, "V/m"),
    reading("pulse_length", 1e-7, "s"),
    reading("drive", 0.5, "W", 0.4),
    reading("hours_to_goal", 12.2, "h"),
    reading("hours_to_goal_late", 30.7, "h"),
  ]);
  expect(facts.map(({ name, text }) => [name, text])).toEqual([
    ["pulses_missing", "3"],
    ["pulse_length", "100.0 ns"],
    ["drive", "500.0 mW"],
    ["hours_to_goal", "12 to 31 h"],
  ]);
  expect(facts.map(({ wrong }) => wrong)).toEqual([false, false, true, false]);
});

test("causes are those of the PLC that are set", () => {
  const words = [{ name: "inhibit", bits: ["ARC", "VSWR", "OVER_CURRENT", "ANY"] }];
  const set = new Set(["inhibit.VSWR", "inhibit.OVER_CURRENT", "inhibit.ANY"]);
  expect(causesOf(words, (name) => set.has(name))).toEqual(["VSWR", "over current"]);
  expect(causesOf([], () => true)).toEqual([]);
});
