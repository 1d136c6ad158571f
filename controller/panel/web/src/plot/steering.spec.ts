import { expect, test } from "vitest";

import { keyTarget, zoomedAbout } from "./steering";

test("zooming keeps what is under the cursor", () => {
  expect(zoomedAbout([0, 10], 5, 2)).toEqual([2.5, 7.5]);
  expect(zoomedAbout([0, 10], 0, 2)).toEqual([0, 5]);
  expect(zoomedAbout([0, 10], 99, 2)).toEqual([5, 10]);
  expect(zoomedAbout([2.5, 7.5], 5, 0.5)).toEqual([0, 10]);
});

test("keys move the cursor and never beyond what is shown", () => {
  expect(keyTarget("ArrowRight", false, [0, 100], 50)).toBe(51);
  expect(keyTarget("ArrowLeft", true, [0, 100], 50)).toBe(40);
  expect(keyTarget("ArrowLeft", true, [0, 100], 3)).toBe(0);
  expect(keyTarget("Home", false, [10, 100], 50)).toBe(10);
  expect(keyTarget("x", false, [10, 100], 50)).toBe(null);
});
