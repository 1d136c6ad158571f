import { expect, test } from "vitest";

import { blockOf, layoutOf, type RowValues } from "../testing/rows";
import { hello } from "../testing/hello";
import type { Finished, Hello, Snapshot } from "./messages";
import { EVENTS_MAX, BenchModel } from "./model";

const LAYOUT = layoutOf(1, 1, 2);

function connected(): BenchModel {
  const model = new BenchModel();
  model.take(snapshotOf(hello()));
  return model;
}

function snapshotOf(present: Hello): Snapshot {
  const parts = { marks: ["done", "running"], alarms: [], events: [], finished: null };
  const stream = { protocol: 1, stream: "s", link: "connected", row: LAYOUT, head: 0 } as const;
  return { type: "snapshot", hello: present, ...stream, ...parts };
}

function rows(model: BenchModel, now: number, live: boolean, ...values: RowValues[]): void {
  model.takeRows(blockOf(LAYOUT, 1, values), live, now);
}

const GOOD: RowValues = { timeS: 10, step: 1, state: 1, ages: [0.02], words: [5], values: [1.5, 2.5] };

test("only live rows say that the bench is heard", () => {
  const model = connected();
  rows(model, 100, false, GOOD);
  expect([...model.values]).toEqual([1.5, 2.5]);
  expect(model.silent(100)).toBe(true);
  rows(model, 100, true, { ...GOOD, timeS: 10.02 });
  expect(model.silent(100.4)).toBe(false);
  expect(model.silent(100.6)).toBe(true);
});

test("ages grow by the browser's clock, and stale comes with silence or age", () => {
  const model = connected();
  expect(model.sourceAgeS(0, 100)).toBe(Infinity);
  rows(model, 100, true, GOOD);
  expect(model.sourceAgeS(0, 100.3)).toBeCloseTo(0.32);
  expect(model.sourceStale(0, 100.3)).toBe(false);
  expect(model.sourceStale(0, 100.51)).toBe(true);
  rows(model, 101, true, { ...GOOD, timeS: 11, ages: [0.7] });
  expect(model.sourceStale(0, 101)).toBe(true);
  expect(model.sourceStale(7, 101)).toBe(true);
});

test("what a slow line delays is old when it comes", () => {
  const model = connected();
  rows(model, 100, true, GOOD);
  rows(model, 103, true, { ...GOOD, timeS: 10.02 });
  expect(model.sourceAgeS(0, 103)).toBeCloseTo(3.0);
  expect(model.sourceStale(0, 103)).toBe(true);
});

test("an age that was never measured is infinite, and values without validity are none", () => {
  const model = connected();
  rows(model, 100, true, { timeS: 10, ages: [NaN], state: 0 });
  expect(model.sourceAgeS(0, 100)).toBe(Infinity);
  expect([...model.values]).toEqual([NaN, NaN]);
  expect(model.valid).toBe(false);
  expect(model.state).toBe("SAFE");
});

test("steps are marked as the panel marks them", () => {
  const model = connected();
  expect(model.marks).toEqual(["done", "running"]);
  model.take({ type: "step", t_ns: 0, index: 0, id: "charge", phase: "enter" });
  model.take({ type: "step", t_ns: 0, index: 1, id: "fire", phase: "done" });
  expect(model.marks).toEqual(["running", "done"]);
  model.take(finished());
  expect(model.marks).toEqual(["broken", "done"]);
});

test("another core starts afresh; the same one again changes nothing", () => {
  const model = connected();
  rows(model, 100, true, GOOD);
  model.take(hello("one"));
  expect([model.state, model.marks[0]]).toEqual(["CHARGE", "done"]);
  model.take(hello("two"));
  expect([model.state, model.marks[0]]).toEqual([null, "pending"]);
  expect(model.history.length).toBe(1);
  expect(model.silent(100)).toBe(true);
  model.take(hello("three", ["a"]));
  expect(model.history.length).toBe(0);
});

test("how a run ended is shown until the next one", () => {
  const model = connected();
  model.take(finished());
  model.take({ ...hello("idle"), mode: "watch", steps: [] });
  expect(model.finished?.verdict).toBe("aborted");
  model.take({ ...snapshotOf({ ...hello("idle"), mode: "watch", steps: [] }), finished: finished() });
  expect(model.finished?.verdict).toBe("aborted");
  model.take(hello("next"));
  expect(model.finished).toBe(null);
});

test("what was stale when it was sent is a gap in the trend", () => {
  const model = connected();
  rows(model, 100, true, GOOD, { ...GOOD, timeS: 11, ages: [9] }, { ...GOOD, timeS: 12 });
  expect([...(model.history.window(0, 20, 100, [0]).values[0] ?? [])]).toEqual([1.5, NaN, 1.5]);
});

test("a break is a gap in the trend, a lost core is silence", () => {
  const model = connected();
  rows(model, 100, true, GOOD);
  model.takeGap(4);
  expect(model.missed).toBe(4);
  rows(model, 101, true, { ...GOOD, timeS: 11 });
  expect([...(model.history.window(0, 20, 100, [0]).values[0] ?? [])]).toEqual([1.5, NaN, 1.5]);
  model.take({ type: "link", link: "lost" });
  expect(model.silent(101)).toBe(true);
  expect(model.sourceAgeS(0, 103)).toBeCloseTo(2.02);
  model.takeDown();
  expect(model.link).toBe("connecting");
});

test("events and alarms are bounded and in order", () => {
  const model = connected();
  for (let n = 0; n < EVENTS_MAX + 5; n++)
    model.take({ type: "event", t_ns: n, source: "core", kind: "info", text: String(n) });
  expect(model.events.length).toBe(EVENTS_MAX);
  expect(model.events.at(-1)?.text).toBe(String(EVENTS_MAX + 4));
  for (const id of ["x", "y", "x"]) model.take(alarm(id));
  expect(model.alarmList.map(({ id }) => id)).toEqual(["y", "x"]);
});

function alarm(id: string) {
  const text = { raised_utc: "", unit: "", text: "", guidance: "", title: id, priority: "high" };
  return { type: "alarm", id, state: "UNACK_ALARM", active: true, t_ns: 0, order: 1, count: 1, value: null, ...text } as const;
}

function finished(): Finished {
  const files = { record: "", journal: "", report: "", sheet: "" };
  const type = "finished";
  return { type, shot: 1, shot_id: "s", verdict: "aborted", ended: "aborted", reason: "", exit: 3, measurements: [], safe: "", ...files };
}
