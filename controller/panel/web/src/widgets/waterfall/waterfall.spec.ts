import { describe, expect, it } from "vitest";

import type { Train } from "./api";
import { COLOURS, LEVELS, isReversed, levelOf, paint } from "./colours";
import {
  cellText,
  keyTarget,
  missingText,
  pictureOf,
  pulseText,
  pulseTicks,
  rowOf,
  scaleOf,
  summary,
  ticks,
  zoomedPulses,
} from "./picture";

function packed(counts: readonly number[]): string {
  const bytes = new Uint8Array(counts.length * 2);
  counts.forEach((count, n) => new DataView(bytes.buffer).setInt16(2 * n, count, true));
  return btoa(String.fromCharCode(...bytes));
}

/** Three rows of ten pulses and two columns: rest, and a top of -100 V; the second row holds a breakdown. */
const TRAIN: Train = {
  channel: "cathode",
  title: "Cathode",
  unit: "V",
  pulses: 30,
  planned: 32,
  samples: 2,
  from_s: 0,
  to_s: 1e-6,
  duration_s: 0.29,
  rows: [1, 11, 21, 31],
  trigger_s: [0, 0.1, 0.2],
  t: [0, 1e-6],
  low: packed([-1, -101, -1, -102, -2, -101]),
  high: packed([1, -99, 2, 30, 1, -98]),
  scale: 1,
  offset: 0,
  typical_low: [0, -100],
  typical_high: [0, -100],
  quiet: 5,
  worst: 14,
  unusual: [3, 14, 22],
  missing: 3,
  missing_pulses: [25],
  statistics: [{ quantity: "flat_top", unit: "V", count: 29, min: -101, mean: -100, max: -99, std: 0.5 }],
};

function luminance([red, green, blue]: readonly [number, number, number]): number {
  const linear = (part: number): number => (part / 255 <= 0.04045 ? part / 3294.6 : ((part / 255 + 0.055) / 1.055) ** 2.4);
  return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
}

describe("colours", () => {
  it("get lighter with every level, so that the order shows without any colour", () => {
    expect(COLOURS.length).toBe(LEVELS);
    for (let n = 1; n < LEVELS; n++)
      expect(luminance(COLOURS[n] as [number, number, number])).toBeGreaterThan(luminance(COLOURS[n - 1] as [number, number, number]));
    const ends = [COLOURS[0], COLOURS[LEVELS - 1]] as [[number, number, number], [number, number, number]];
    expect((luminance(ends[1]) + 0.05) / (luminance(ends[0]) + 0.05)).toBeGreaterThan(12);
  });

  it("keep their order for people without red or without green cones", () => {
    // Vienot, Brettel, Mollon 1999: what a dichromat sees depends on a mix of red and green, and on blue.
    const seen = (kind: "protan" | "deutan") => ([red, green, blue]: readonly [number, number, number]): number => {
      const mixed = kind === "protan" ? 0.11 * red + 0.89 * green : 0.29 * red + 0.71 * green;
      return luminance([mixed, mixed, blue]);
    };
    for (const kind of ["protan", "deutan"] as const)
      for (let n = 4; n < LEVELS; n += 4)
        expect(seen(kind)(COLOURS[n] as [number, number, number])).toBeGreaterThan(seen(kind)(COLOURS[n - 4] as [number, number, number]));
  });

  it("are dark at rest, whatever the sign of the pulse", () => {
    const [up, down] = [{ low: 0, high: 10 }, { low: -10, high: 2 }];
    expect([isReversed(up), isReversed(down)]).toEqual([false, true]);
    expect([levelOf(0, up), levelOf(10, up), levelOf(99, up)]).toEqual([0, 255, 255]);
    expect([levelOf(2, down), levelOf(-10, down)]).toEqual([0, 255]);
    expect(levelOf(3, { low: 0, high: 0 })).toBe(128);
    expect([...paint([10], up)]).toEqual([...(COLOURS[255] as readonly number[]), 255]);
  });
});

describe("the picture", () => {
  const picture = pictureOf(TRAIN);

  it("shows the extreme that is unusual, and the middle where none is", () => {
    expect([picture.width, picture.height]).toEqual([2, 3]);
    expect([...picture.shown]).toEqual([0, -100, 0.5, 30, -0.5, -99.5]);
    expect(scaleOf(picture)).toEqual({ low: -100, high: 30 });
  });

  it("is empty for a train without segments", () => {
    const none = pictureOf({ ...TRAIN, low: "", high: "", rows: [1], t: [], typical_low: [], typical_high: [] });
    expect([none.width, none.height, none.shown.length]).toEqual([0, 0, 0]);
    expect(scaleOf(none)).toEqual({ low: 0, high: 0 });
  });

  it("says in words what is under the cursor", () => {
    expect(pulseText(TRAIN, 1)).toBe("pulse 14, the most unusual of 11 to 20");
    expect(pulseText({ ...TRAIN, rows: [7, 8], unusual: [7] }, 0)).toBe("pulse 7");
    expect(cellText(TRAIN, picture, 1, 1)).toBe("30.0 V (-102.0 V … 30.0 V)");
    expect(cellText(TRAIN, picture, 0, 1)).toBe("-100.0 V");
  });

  it("tells all of it to who does not see it", () => {
    expect(summary(TRAIN)).toBe(
      "30 pulses in 290.0 ms; flat top -100.0 V on average, -101.0 V to -99.0 V; " +
        "3 pulses are missing: number 25; 2 never triggered; of those that came, pulse 14 is furthest from the median.",
    );
    expect(missingText({ ...TRAIN, missing: 0 })).toBe("no pulse is missing");
    expect(missingText({ ...TRAIN, missing: 20, pulses: 32, missing_pulses: [1, 2, 3, 4, 5, 6, 7, 8, 9] })).toBe(
      "20 pulses are missing: number 1, 2, 3, 4, 5, 6, 7, 8, …",
    );
  });
});

describe("moving and zooming", () => {
  it("keys move the cursor and stay inside", () => {
    const size = [30, 20] as const;
    expect(keyTarget("ArrowDown", false, [0, 0], size)).toEqual([1, 0]);
    expect(keyTarget("ArrowRight", true, [0, 15], size)).toEqual([0, 19]);
    expect(keyTarget("PageDown", false, [28, 3], size)).toEqual([29, 3]);
    expect(keyTarget("Home", false, [12, 3], size)).toEqual([0, 3]);
    expect(keyTarget("End", false, [12, 3], size)).toEqual([29, 3]);
    expect(keyTarget("x", false, [0, 0], size)).toBeNull();
    expect(keyTarget("ArrowUp", false, [0, 0], [0, 0])).toEqual([0, 0]);
  });

  it("zoom keeps the pulse where it is, and stays inside the train", () => {
    expect(zoomedPulses(1, 5000, 2500, 4, 5000)).toEqual([1876, 3125]);
    expect(zoomedPulses(1, 5000, 1, 4, 5000)).toEqual([1, 1250]);
    expect(zoomedPulses(1, 5000, 5000, 4, 5000)).toEqual([3751, 5000]);
    expect(zoomedPulses(100, 110, 105, 4, 5000)).toEqual([102, 109]);
    expect(zoomedPulses(1876, 3125, 2500, 1 / 4, 5000)).toEqual([1, 5000]);
  });

  it("a pulse has its row", () => {
    expect([rowOf(TRAIN, 1), rowOf(TRAIN, 10), rowOf(TRAIN, 11), rowOf(TRAIN, 30), rowOf(TRAIN, 99)]).toEqual([0, 0, 1, 2, 2]);
  });

  it("ticks are round, and the first pulse is always named", () => {
    expect(ticks(0, 10, 4)).toEqual([0, 2.5, 5, 7.5, 10]);
    expect(ticks(1, 1, 4)).toEqual([1]);
    expect(pulseTicks(1, 5000, 5)).toEqual([1, 1000, 2000, 3000, 4000, 5000]);
    expect(pulseTicks(3001, 3020, 5)).toEqual([3001, 3005, 3010, 3015, 3020]);
  });
});
