import { expect, test } from "vitest";

import { hello } from "../../testing/hello";
import { linkText, modeText, progressOf } from "./words";

test.each([
  ["connecting", true, true, "", "connecting to the panel"],
  ["connecting", true, true, "refused", "no panel: refused; trying again"],
  ["none", true, true, "", "no core yet: nothing is heard of the bench"],
  ["lost", true, true, "", "core lost: nothing is heard of the bench"],
  ["connected", true, true, "", "no frames: what is shown is old"],
  ["connected", false, true, "", "PLC silent: its state and values are stale"],
  ["connected", false, false, "", "live"],
] as const)("link %s, silent %s, PLC stale %s: %s%s", (link, silent, plcStale, why, text) => {
  const said = linkText({ link, silent, plcStale, why });
  expect(said.text).toBe(text);
  expect(said.tone).toBe(text === "live" ? "normal" : "wrong");
});

test("progress", () => {
  const none = { marks: [], step: -1, finished: null };
  expect(progressOf({ ...none, hello: null }).text).toBe("no run");
  expect(progressOf({ ...none, hello: hello() }).text).toBe("none of 2");
  expect(progressOf({ ...none, hello: hello(), marks: ["done", "running"] })).toEqual({
    title: "Step 2 of 2",
    text: "fire",
  });
  expect(progressOf({ ...none, hello: hello(), step: 0 }).text).toBe("charge");
});

test("modes", () => {
  expect(modeText("watch")).toBe("watched, nothing runs");
  expect(modeText("other")).toBe("other");
});
