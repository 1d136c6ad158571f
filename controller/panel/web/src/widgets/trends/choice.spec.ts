import { expect, test } from "vitest";

import { hello } from "../../testing/hello";
import { dueS, firstChoice } from "./choice";

test("the first group is shown first", () => {
  const [a, b] = hello().channels;
  if (a === undefined || b === undefined) throw new Error("two channels");
  expect([...firstChoice([a, { ...b, group: "other" }])]).toEqual(["a"]);
  expect([...firstChoice([])]).toEqual([]);
});

test("a picture is drawn when it has moved by a pixel", () => {
  expect(dueS(600, 600, false)).toBe(1);
  expect(dueS(30, 1000, false)).toBe(0.03);
  expect(dueS(30, 1000, true)).toBe(1);
});
