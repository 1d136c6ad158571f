import { expect, test } from "vitest";

import { blockOf, layoutOf } from "../testing/rows";
import { hello } from "../testing/hello";
import { BenchStore, DISPLAY_HZ } from "./store.svelte";

class Scene {
  now = 100;
  drawings: (() => void)[] = [];
  readonly store = new BenchStore({ now: () => this.now, wall: () => 1e9, draw: (draw) => this.drawings.push(draw) });
  row(timeS: number, value: number): void {
    const row = { timeS, state: 1, step: 0, ages: [0.01], words: [5], values: [value, 0] };
    this.store.onRows(blockOf(layoutOf(1, 1, 2), 1, [row]), true);
  }
  draw(): void {
    for (const draw of this.drawings.splice(0)) draw();
  }
}

test("frames are drawn no more often than a person can read", () => {
  const scene = new Scene();
  scene.store.onMessage(hello());
  scene.draw();
  let drawn = 0;
  for (let n = 0; n < 50; n++) {
    scene.now += 0.02;
    scene.row(n * 0.02, n);
    drawn += scene.drawings.length;
    scene.draw();
  }
  expect(drawn).toBeGreaterThanOrEqual(9);
  expect(drawn).toBeLessThanOrEqual(DISPLAY_HZ + 1);
  expect(scene.store.reading("a")).toMatchObject({ value: expect.any(Number), stale: false });
  expect(scene.store.plcState).toBe("CHARGE");
  expect(scene.store.point("inputs.DOOR")).toBe(true);
  expect(scene.store.point("inputs.KEY")).toBe(true);
  expect(scene.store.point("inputs.nonsense")).toBe(null);
  expect(scene.store.reading("nonsense")).toBe(null);
});

test("silence is stale within half a second, without any message", () => {
  const scene = new Scene();
  scene.store.onMessage(hello());
  scene.row(1, 2.5);
  scene.draw();
  expect([scene.store.silent, scene.store.plcStale, scene.store.reading("a")?.stale]).toEqual([false, false, false]);
  scene.now += 0.55;
  scene.store.tick();
  scene.draw();
  expect([scene.store.silent, scene.store.plcStale, scene.store.reading("a")?.stale]).toEqual([true, true, true]);
  expect(scene.store.plcAgeS).toBeCloseTo(0.56);
  expect(scene.store.reading("a")?.value).toBe(2.5);
});

test("a label in the viewer's time", () => {
  const scene = new Scene();
  scene.store.onMessage(hello());
  expect(scene.store.clock(1e9)).toBe("");
  scene.row(1, 0);
  scene.draw();
  expect(scene.store.clock(1e9)).toMatch(/^\d\d:\d\d:\d\d\.\d$/);
});

test("a stream that ended says why", () => {
  const scene = new Scene();
  scene.store.onDown("the panel cannot be reached");
  scene.draw();
  expect([scene.store.link, scene.store.why, scene.store.silent]).toEqual([
    "connecting",
    "the panel cannot be reached",
    true,
  ]);
});
