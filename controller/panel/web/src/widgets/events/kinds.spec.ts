import { expect, test } from "vitest";

import { KINDS, kindOf, matching } from "./kinds";

const events = [...KINDS.map(({ name }) => name), "other"].map((kind, id) => {
  return { type: "event", t_ns: 0, source: "core", text: "", kind, id } as const;
});

test("filters", () => {
  expect(matching(events, "all").length).toBe(6);
  expect(matching(events, "notable").map(({ kind }) => kind)).toEqual(["warning", "trip", "fault", "other"]);
  expect(matching(events, "trip").map(({ kind }) => kind)).toEqual(["trip"]);
});

test("no two kinds look alike without colour", () => {
  expect(new Set(KINDS.map(({ sign }) => sign)).size).toBe(KINDS.length);
  expect(kindOf("other").sign).toBe("?");
});
