import { expect, test } from "vitest";

import { Lag, PERIOD_S } from "./lag";

test("what is later than the quickest lags", () => {
  const lag = new Lag();
  expect(lag.seconds(5, 100)).toBe(0);
  expect(lag.offset).toBeNaN();
  lag.note(5, 100.5);
  lag.note(6, 101);
  expect(lag.offset).toBe(95);
  expect(lag.seconds(7, 103)).toBe(1);
  lag.reset();
  expect(lag.seconds(7, 103)).toBe(0);
});

test("clocks that drift apart are no lag", () => {
  const lag = new Lag();
  for (let t = 0; t < 20 * PERIOD_S; t += 1) lag.note(t, 50 + t * (1 + 50e-6));
  const [bench, browser] = [20 * PERIOD_S, 50 + 20 * PERIOD_S * (1 + 50e-6)];
  expect(lag.seconds(bench, browser)).toBeLessThan(0.04);
});
