import { expect, test } from "vitest";

import { age, quantity, referenceOf, text } from "./format";

test.each([
  [2500, "V", 3100, "2.500 kV"],
  [12.34, "V", 3100, "0.012 kV"],
  [12.34, "V", null, "12.34 V"],
  [-0.0001, "V", 3100, "0.000 kV"],
  [999.9999999, "V", null, "1.000 kV"],
  [0.0152, "A", 1, "0.015 A"],
  [64580, "A", null, "64.58 kA"],
  [21.5, "degC", null, "21.50 °C"],
  [0, "V", null, "0.000 V"],
  [NaN, "V", 3100, "– kV"],
  [null, "", null, "–"],
])("%s %s against %s is %s", (value, unit, reference, printed) => {
  expect(text(value, unit, reference)).toBe(printed);
});

test("digits and unit apart", () => expect(quantity(3, "ohm")).toEqual({ digits: "3.000", unit: "Ω" }));

test.each([
  [0.04, "0.0 s"],
  [9.94, "9.9 s"],
  [61, "61 s"],
  [600, "10 min"],
  [7200, "2 h"],
  [Infinity, "never"],
])("an age of %s s is %s", (seconds, printed) => expect(age(seconds)).toBe(printed));

test("a unit with a power takes no prefix that would be raised with it, and a ratio has no unit", () => {
  expect(text(5.482e6, "A^2 s")).toBe("5.482 ×10⁶ A² s");
  expect(text(12, "A^2 s")).toBe("12.00 A² s");
  expect(text(1, "1")).toBe("1.000");
});

test("a prefix does not jump", () => {
  expect(text(2000, "count")).toBe("2000");
  expect(text(0.124, "A", referenceOf(0.124, { low: null, high: null }))).toBe("0.124 A");
  expect(text(12, "V", referenceOf(12, { low: null, high: 3100 }))).toBe("0.012 kV");
  expect(referenceOf(NaN, { low: null, high: null })).toBe(1);
});
