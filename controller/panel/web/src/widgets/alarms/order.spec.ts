import { describe, expect, it } from "vitest";

import type { AlarmChanged } from "../../bench/messages";
import { announcement, clock, listed, stateWords, summary } from "./order";

function alarm(id: string, more: Partial<AlarmChanged> = {}): AlarmChanged {
  return {
    type: "alarm",
    id,
    title: id.toUpperCase(),
    priority: "high",
    state: "UNACK_ALARM",
    active: true,
    t_ns: 0,
    raised_utc: "",
    order: 0,
    count: 1,
    value: null,
    unit: "",
    text: "",
    guidance: "",
    ...more,
  };
}

describe("listed", () => {
  it("sorts by priority, then first fault, then newest, and leaves out what is normal", () => {
    const alarms = [
      alarm("low", { priority: "low", order: 1 }),
      alarm("old", { t_ns: 1 }),
      alarm("new", { t_ns: 2 }),
      alarm("second", { order: 2 }),
      alarm("third", { order: 3, t_ns: 9 }),
      alarm("critical", { priority: "critical", order: 4 }),
      alarm("gone", { state: "NORMAL", active: false }),
      alarm("odd", { priority: "unheard-of" }),
    ];
    const wanted = ["critical", "second", "third", "new", "old", "low", "odd"];
    expect(listed(alarms).map(({ id }) => id)).toEqual(wanted);
  });

  it("puts what is shelved last", () => {
    const alarms = [alarm("shelf", { state: "SHELVED", priority: "critical" }), alarm("low", { priority: "low" })];
    expect(listed(alarms).map(({ id }) => id)).toEqual(["low", "shelf"]);
  });
});

describe("words", () => {
  it("names every ISA-18.2 state, and an unknown one by its own name", () => {
    expect(stateWords("LATCH_UNACK")).toBe("latched, unacknowledged");
    expect(stateWords("OUT_OF_SERVICE")).toBe("out of service");
  });

  it("counts", () => {
    expect(summary([])).toBe("none");
    expect(summary([alarm("a")])).toBe("1 active");
    expect(summary([alarm("a", { active: false, state: "RTN_UNACK" })])).toBe("none active, 1 to look at");
    expect(summary([alarm("a"), alarm("b", { active: false, state: "RTN_UNACK" })])).toBe("1 active, 1 more");
  });

  it("says the time of day, and the date of another day", () => {
    const at = new Date(2026, 10, 21, 9, 30, 12);
    expect(clock(at.toISOString(), at)).toMatch(/^09.30.12$/);
    expect(clock(at.toISOString(), new Date(2026, 10, 22))).toMatch(/2026.* 09.30.12$|21.* 09.30.12$/);
    expect(clock("", at)).toBe("");
    expect(clock("virtual", at)).toBe("virtual");
  });
});

describe("announcement", () => {
  it("speaks of what is new, raised again or back, most urgent first", () => {
    const before = [alarm("again"), alarm("back", { active: false, state: "RTN_UNACK" }), alarm("same")];
    const now = [alarm("again", { count: 2 }), alarm("back"), alarm("same"), alarm("stop", { priority: "critical" })];
    expect(announcement(before, now)).toBe("3 alarms: STOP, critical; AGAIN, high; BACK, high");
    expect(announcement([], [alarm("one")])).toBe("Alarm: ONE, high");
  });

  it("is silent about returns and repeats, and short about floods", () => {
    expect(announcement([alarm("a")], [alarm("a", { active: false, state: "RTN_UNACK" })])).toBe("");
    expect(announcement([alarm("a")], [alarm("a", { state: "ACK_ALARM" })])).toBe("");
    const flood = ["a", "b", "c", "d", "e"].map((id) => alarm(id));
    expect(announcement([], flood)).toBe("5 alarms: A, high; B, high; C, high; and 2 more");
  });
});
