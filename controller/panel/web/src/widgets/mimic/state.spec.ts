import { describe, expect, it } from "vitest";

import type { Element } from "./model";
import { BETWEEN, commandedText, CONTRADICTION, provenText, stateOf, Travel, type Points } from "./state";

const CONTACTOR: Element = {
  id: "contactor",
  symbol: "switch",
  title: "Contactor",
  area: "bank",
  column: 0,
  row: 0,
  note: "",
  values: [],
  labels: [],
  commanded: { point: "outputs.CLOSE", on: "closed", off: "open" },
  proven: [
    { word: "closed", points: ["inputs.CLOSED"] },
    { word: "open", points: ["inputs.OPEN"] },
  ],
  active: "closed",
  normal: "",
  travel_s: 0.07,
  trips: ["trips.MISMATCH"],
  energised_by: [],
  energised_above: null,
  module: 0,
};

const DOOR: Element = {
  ...CONTACTOR,
  id: "door",
  symbol: "door",
  commanded: null,
  proven: [
    { word: "closed", points: ["inputs.DOOR"] },
    { word: "open", points: ["not inputs.DOOR"] },
  ],
  normal: "closed",
  trips: [],
};

/** Points that are 1; everything else is 0, or not known when `known` does not list it. */
function points(on: readonly string[], timeS = 0, more: Partial<Points> & { unknown?: readonly string[] } = {}): Points {
  return {
    stale: false,
    timeS,
    point: (name) => (more.unknown?.includes(name) === true ? null : on.includes(name)),
    ...more,
  };
}

describe("stateOf", () => {
  it("shows commanded and proven beside each other when they agree", () => {
    const state = stateOf(CONTACTOR, points(["outputs.CLOSE", "inputs.CLOSED"]), new Travel());
    expect([state.commanded, state.proven, state.condition, state.pose]).toEqual(["closed", "closed", "normal", "active"]);
    const open = stateOf(CONTACTOR, points(["inputs.OPEN"]), new Travel());
    expect([open.commanded, open.proven, open.condition, open.pose]).toEqual(["open", "open", "normal", "inactive"]);
  });

  it("calls a difference a movement for the travel time and a mismatch after it", () => {
    const travel = new Travel();
    const told = ["outputs.CLOSE", "inputs.OPEN"];
    expect(stateOf(CONTACTOR, points(told, 10.0), travel).condition).toBe("moving");
    expect(stateOf(CONTACTOR, points(["outputs.CLOSE"], 10.02), travel)).toMatchObject({
      condition: "moving",
      proven: BETWEEN,
      pose: "between",
    });
    expect(stateOf(CONTACTOR, points(told, 10.06), travel).condition).toBe("moving");
    expect(stateOf(CONTACTOR, points(told, 10.08), travel).condition).toBe("mismatch");
    expect(stateOf(CONTACTOR, points(["outputs.CLOSE", "inputs.CLOSED"], 10.1), travel).condition).toBe("normal");
    expect(stateOf(CONTACTOR, points(told, 10.2), travel).condition).toBe("moving");
  });

  it("counts from the first frame that differs, also after another core's clock", () => {
    const travel = new Travel();
    const told = ["outputs.CLOSE", "inputs.OPEN"];
    stateOf(CONTACTOR, points(told, 500), travel);
    expect(stateOf(CONTACTOR, points(told, 1), travel).condition).toBe("moving");
    expect(stateOf(CONTACTOR, points(told, 2), travel).condition).toBe("mismatch");
  });

  it("does not count on while the same status is repeated, nor when its age is rounded", () => {
    const travel = new Travel();
    const told = ["outputs.CLOSE", "inputs.OPEN"];
    for (const timeS of [10, 10, 9.9999, 10.0001]) {
      expect(stateOf(CONTACTOR, points(told, timeS), travel)).toMatchObject({ condition: "moving" });
    }
    expect(stateOf(CONTACTOR, points(told, 10.2), travel).condition).toBe("mismatch");
  });

  it("takes two positions at once for a contradiction, never for either of them", () => {
    const travel = new Travel();
    const both = ["outputs.CLOSE", "inputs.CLOSED", "inputs.OPEN"];
    stateOf(CONTACTOR, points(both, 0), travel);
    expect(stateOf(CONTACTOR, points(both, 1), travel)).toMatchObject({ condition: "mismatch", proven: CONTRADICTION });
  });

  it("knows nothing while the points are stale, and says what it saw last", () => {
    const state = stateOf(CONTACTOR, points(["outputs.CLOSE", "inputs.CLOSED"], 0, { stale: true }), new Travel());
    expect([state.condition, state.pose]).toEqual(["unknown", "unknown"]);
    expect(provenText(state)).toBe("unknown, last closed");
  });

  it("knows nothing of an element with one point missing", () => {
    const state = stateOf(CONTACTOR, points(["inputs.OPEN"], 0, { unknown: ["inputs.CLOSED"] }), new Travel());
    expect([state.condition, state.proven, provenText(state)]).toEqual(["unknown", null, "unknown"]);
  });

  it("marks an element whose trip is set, whatever else it proves", () => {
    const state = stateOf(CONTACTOR, points(["inputs.OPEN", "trips.MISMATCH"]), new Travel());
    expect([state.condition, state.trips]).toEqual(["tripped", ["trips.MISMATCH"]]);
  });

  it("notices what is not as it should always be", () => {
    expect(stateOf(DOOR, points(["inputs.DOOR"]), new Travel())).toMatchObject({ condition: "normal", pose: "active" });
    const open = stateOf(DOOR, points([]), new Travel());
    expect(open).toMatchObject({ condition: "abnormal", proven: "open", pose: "inactive" });
    expect(commandedText(open)).toBe("–");
  });

  it("draws what nothing proves by its command, and says so", () => {
    const horn: Element = { ...CONTACTOR, proven: [], trips: [] };
    const state = stateOf(horn, points(["outputs.CLOSE"]), new Travel());
    expect([state.pose, commandedText(state), provenText(state)]).toEqual(["active", "closed", "–"]);
  });
});
