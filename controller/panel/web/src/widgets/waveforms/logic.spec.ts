import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import type { Measurement, Shot, ShotChannel } from "./api";
import { Loader, REST_MS, type Outcome } from "./loader";
import { asked, moved, union, wheelFactor, within, zoomed } from "./range";
import { inOrder, kindToShow, limitText, newest, shotLabel, valueText, verdictMark, verdictTone } from "./verdicts";

describe("ranges", () => {
  it("covers everything that has samples", () => {
    expect(union([[-1, 2], [null, null], [0, 5]])).toEqual([-1, 5]);
    expect(union([[null, null]])).toBeNull();
  });

  it("stays inside the record, and is everything when it covers all of it", () => {
    expect(within([-5, 1], [-1, 2])).toEqual([-1, 1]);
    expect(within([-5, 5], [-1, 2])).toBeNull();
    expect(within([3, 4], [-1, 2])).toBeNull();
    expect(within(null, [-1, 2])).toBeNull();
  });

  it("zooms about a point that stays where it is", () => {
    expect(zoomed([0, 8], 2)).toEqual([2, 6]);
    expect(zoomed([0, 8], 2, 0)).toEqual([0, 4]);
    expect(zoomed([0, 8], 0.5, 99)).toEqual([-8, 8]);
  });

  it("moves by shares and stops at the ends", () => {
    expect(moved([2, 4], 0.5, [0, 10])).toEqual([3, 5]);
    expect(moved([2, 4], -9, [0, 10])).toEqual([0, 2]);
    expect(moved([2, 4], 9, [0, 10])).toEqual([8, 10]);
  });

  it("zooms in when the wheel turns away, by lines as by pixels", () => {
    expect(wheelFactor(-100, false)).toBeCloseTo(1.25);
    expect(wheelFactor(100, false)).toBeCloseTo(0.8);
    expect(wheelFactor(-3, true)).toBeCloseTo(1.25, 1);
  });

  it("asks for margins beside what is shown, with points in proportion", () => {
    expect(asked(null, [0, 10], 800)).toEqual({ range: null, points: 1200 });
    expect(asked([4, 5], [0, 10], 800)).toEqual({ range: [3.5, 5.5], points: 2400 });
    expect(asked([0, 1], [0, 10], 800)).toEqual({ range: [0, 1.5], points: 1800 });
    expect(asked([1, 9], [0, 10], 800)).toEqual({ range: null, points: 1500 });
    expect(asked(null, [0, 10], 10).points).toBe(200);
    expect(asked([4, 5], [0, 10], 9000).points).toBe(4000);
  });
});

describe("Loader", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  interface Asked {
    readonly key: string;
    readonly signal: AbortSignal;
    readonly answer: (result: string) => void;
    readonly fail: (error: unknown) => void;
  }

  function rig(): { loader: Loader<string, string>; asks: Asked[]; said: (readonly [string, Outcome<string>])[] } {
    const asks: Asked[] = [];
    const said: (readonly [string, Outcome<string>])[] = [];
    const loader = new Loader<string, string>(
      (key, signal) => new Promise((answer, fail) => asks.push({ key, signal, answer, fail })),
      (key, outcome) => said.push([key, outcome]),
    );
    return { loader, asks, said };
  }

  it("waits until asking rests and loads only the last", async () => {
    const { loader, asks, said } = rig();
    for (const key of ["a", "b", "c"]) loader.ask(key);
    await vi.advanceTimersByTimeAsync(REST_MS);
    expect(asks.map(({ key }) => key)).toEqual(["c"]);
    asks[0]?.answer("C");
    await vi.runAllTimersAsync();
    expect(said).toEqual([["c", { result: "C" }]]);
  });

  it("aborts what is overtaken and never hears of it again", async () => {
    const { loader, asks, said } = rig();
    loader.ask("a", true);
    await vi.advanceTimersByTimeAsync(0);
    loader.ask("b", true);
    await vi.advanceTimersByTimeAsync(0);
    expect(asks[0]?.signal.aborted).toBe(true);
    asks[1]?.answer("B");
    asks[0]?.answer("A");
    await vi.runAllTimersAsync();
    expect(said).toEqual([["b", { result: "B" }]]);
  });

  it("passes a failure on, and is silent after cancel", async () => {
    const { loader, asks, said } = rig();
    const error = new Error("gone");
    loader.ask("a", true);
    await vi.advanceTimersByTimeAsync(0);
    asks[0]?.fail(error);
    await vi.runAllTimersAsync();
    expect(said).toEqual([["a", { error }]]);
    loader.ask("b", true);
    loader.cancel();
    await vi.runAllTimersAsync();
    expect(asks).toHaveLength(1);
  });
});

describe("words", () => {
  const measured: Measurement = {
    name: "peak",
    title: "Peak current",
    channel: "total_current",
    value: 64580,
    unit: "A",
    lower: 60e3,
    upper: 70e3,
    margin: 4580,
    verdict: "pass",
    u95: 650,
    reason: "",
  };

  it("writes value, uncertainty and limits with one prefix", () => {
    expect(valueText(measured)).toBe("64.58 kA ± 0.65 kA");
    expect(valueText({ ...measured, value: null })).toBe("– kA");
    expect(valueText({ ...measured, u95: 0 })).toBe("64.58 kA");
    expect(limitText(measured)).toBe("60.00 kA to 70.00 kA");
    expect(limitText({ ...measured, lower: 70e3 })).toBe("exactly 70.00 kA");
    expect(limitText({ ...measured, lower: null })).toBe("at most 70.00 kA");
    expect(limitText({ ...measured, upper: null })).toBe("at least 60.00 kA");
    expect(limitText({ ...measured, lower: null, upper: null })).toBe("no limit");
  });

  it("tells verdicts apart by mark and by tone", () => {
    const verdicts = ["pass", "inconclusive", "fail", "aborted", "error", "unheard-of"];
    expect(new Set(verdicts.map(verdictMark)).size).toBe(verdicts.length);
    expect(verdicts.map(verdictTone)).toEqual(["plain", "warn", "alarm", "warn", "alarm", "plain"]);
  });

  it("puts channels in the order of the bench", () => {
    const channels = ["c", "x", "a", "b"].map((name) => ({ name }));
    expect(inOrder(channels, ["a", "b", "c"]).map(({ name }) => name)).toEqual(["a", "b", "c", "x"]);
  });

  it("shows the whole shot when there was no pulse", () => {
    const channel = (kind: ShotChannel["kind"], samples: number): ShotChannel => ({
      name: kind,
      title: kind,
      unit: "V",
      kind,
      instrument: "",
      samples,
      segments: 1,
      reference: "t0",
      from_s: null,
      to_s: null,
      calibration_overdue: false,
    });
    const both = [channel("waveform", 5), channel("slow", 5)];
    expect([kindToShow(both, "slow"), kindToShow(both, "waveform")]).toEqual(["slow", "waveform"]);
    expect(kindToShow([channel("waveform", 0), channel("slow", 5)], "waveform")).toBe("slow");
    expect(kindToShow([channel("waveform", 5)], "slow")).toBe("waveform");
    expect(kindToShow([], "slow")).toBe("waveform");
    const all = [...both, channel("train", 5)];
    expect([kindToShow(all, null), kindToShow(both, null), kindToShow(all, "slow")]).toEqual(["train", "waveform", "slow"]);
  });

  it("names shots, and shows the newest that has ended", () => {
    const shot = (number: number, ended: string): Shot => ({
      number,
      shot_id: "",
      kind: "full",
      profile: "",
      load: "",
      operator: "",
      purpose: "",
      started_utc: "2026-11-21T09:30:12Z",
      verdict: ended === "" ? "" : "pass",
      ended,
      reason: "",
    });
    expect(shotLabel(shot(12, "completed"))).toBe("12 · full · pass · 2026-11-21 09:30");
    expect(shotLabel(shot(13, ""))).toBe("13 · full · running · 2026-11-21 09:30");
    expect(newest([shot(13, ""), shot(12, "completed")])?.number).toBe(12);
    expect(newest([shot(1, "")])?.number).toBe(1);
    expect(newest([])).toBeNull();
  });
});
