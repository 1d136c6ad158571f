/** What a PLC state means to a person. The names are the rig PLC's, the same on every bench (docs/reference/plc-map.md). */

/** `rest`: de-energised; `live`: there may be energy; `wrong`: it tripped or locked itself out; `unknown`. */
export type Tone = "rest" | "live" | "wrong" | "unknown";

export interface Condition {
  readonly tone: Tone;
  /** One short phrase. */
  readonly meaning: string;
}

const CONDITIONS: Readonly<Record<string, Condition>> = {
  SAFE: { tone: "rest", meaning: "de-energised, proven" },
  TEST: { tone: "rest", meaning: "rehearsal at zero volts" },
  OPENING: { tone: "live", meaning: "dump relays opening" },
  CHARGE: { tone: "live", meaning: "charging" },
  FLOAT: { tone: "live", meaning: "charged, regulating" },
  ISOLATE: { tone: "live", meaning: "charged, isolated" },
  FIREWIN: { tone: "live", meaning: "charged, may fire" },
  SHOT: { tone: "live", meaning: "firing" },
  RUN: { tone: "live", meaning: "charged, pulses come" },
  DUMPING: { tone: "live", meaning: "dumping the energy" },
  TRIP: { tone: "wrong", meaning: "tripped, dumping or dumped" },
  LOCKOUT: { tone: "wrong", meaning: "locked out: energy not proven gone" },
};

export function conditionOf(state: string | null): Condition {
  return (state === null ? undefined : CONDITIONS[state]) ?? { tone: "unknown", meaning: "" };
}
