import { expect, test } from "vitest";

import { hello } from "../../testing/hello";
import { firstChoice, pauseS } from "./choice";

test("the first group is shown first", () => {
  const [a, b] = hello().channels;
  if (a === undefined || b === undefined) throw new Error("two channels");
  expect([...firstChoice([a, { ...b, group: "other" }])]).toEqual(["a"]);
  expect([...firstChoice([])]).toEqual([]);
});

test("a picture is drawn when it has moved by a pixel, and no more often than the computer can", () => {
  expect(pauseS(600, 600, 0.001, false)).toBe(1);
  expect(pauseS(30, 1000, 0.001, false)).toBe(0.03);
  expect(pauseS(30, 1000, 0.05, false)).toBe(0.2);
  expect(pauseS(30, 1000, 0.001, true)).toBe(1);
});
