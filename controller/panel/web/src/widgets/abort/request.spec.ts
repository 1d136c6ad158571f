import { expect, test } from "vitest";

import { PanelRefused, type postJson } from "../../stream/http";
import { isAbortKey, requestAbort } from "./request";

const answering = (answer: () => unknown) => (async () => answer()) as unknown as typeof postJson;
const failing = (error: unknown) =>
  answering(() => {
    throw error;
  });

test("the core took it", async () => {
  expect(await requestAbort(answering(() => ({ accepted: true, text: "dumping" })))).toEqual({
    kind: "taken",
    text: "dumping",
  });
});

test.each([
  ["refused", answering(() => ({ accepted: false, text: "no" })), "no"],
  ["no core", failing(new PanelRefused(503, "press the emergency stop")), "press the emergency stop"],
  ["no answer", failing(new DOMException("", "TimeoutError")), "No answer within 2 s."],
  ["no panel", failing(new TypeError("fetch failed")), "The panel cannot be reached."],
  ["an answer that is none", failing(new SyntaxError("no JSON")), "The panel cannot be reached."],
])("%s is a failure that says so", async (_, post, text) => {
  expect(await requestAbort(post)).toEqual({ kind: "failed", text });
});

test("the key", () => {
  const key = { key: "Escape", shiftKey: true, ctrlKey: false, altKey: false, metaKey: false };
  expect(isAbortKey(key)).toBe(true);
  expect(isAbortKey({ ...key, shiftKey: false })).toBe(false);
  expect(isAbortKey({ ...key, ctrlKey: true })).toBe(false);
  expect(isAbortKey({ ...key, key: "a" })).toBe(false);
});
