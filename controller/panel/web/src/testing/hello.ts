import type { Hello } from "../bench/messages";

/** What a small bench says first: two channels, one source, two steps, one word. */
export function hello(session = "one", channels = ["a", "b"]): Hello {
  const info = (name: string) => ({ name, title: name, unit: "V", source: "plc", group: "g", low: null, high: null });
  return {
    type: "hello",
    rig: "r",
    profile: "p",
    title: "t",
    shot: 1,
    shot_id: "s",
    channels: channels.map(info),
    steps: [
      { id: "charge", kind: "charge", timeout_s: 1 },
      { id: "fire", kind: "fire", timeout_s: 1 },
    ],
    target_v: 0,
    virtual: false,
    mode: "run",
    session,
    rig_title: "Rig",
    started_utc: "",
    sources: [{ name: "plc", title: "PLC", stale_after_s: 0.5 }],
    words: [{ name: "inputs", bits: ["DOOR", "", "KEY"] }],
    states: ["SAFE", "CHARGE"],
  };
}
