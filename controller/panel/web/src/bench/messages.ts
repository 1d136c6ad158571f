/** The messages of the stream as JSON: the twin of controller/messages.py (numbers are null where they are not valid). */

export interface ChannelInfo {
  readonly name: string;
  readonly title: string;
  readonly unit: string;
  readonly source: string;
  readonly group: string;
  readonly low: number | null;
  readonly high: number | null;
  /** PLC states in which they are limits; none: in all. */
  readonly states?: readonly string[];
}

export interface SourceInfo {
  readonly name: string;
  readonly title: string;
  readonly stale_after_s: number;
}

export interface WordInfo {
  readonly name: string;
  readonly bits: readonly string[];
}

export interface StepInfo {
  readonly id: string;
  readonly kind: string;
  readonly timeout_s: number;
}

export interface Hello {
  readonly type: "hello";
  readonly rig: string;
  readonly profile: string;
  readonly title: string;
  readonly shot: number;
  readonly shot_id: string;
  readonly channels: readonly ChannelInfo[];
  readonly steps: readonly StepInfo[];
  readonly target_v: number;
  readonly virtual: boolean;
  readonly mode: string;
  readonly session: string;
  readonly rig_title: string;
  readonly started_utc: string;
  readonly sources: readonly SourceInfo[];
  readonly words: readonly WordInfo[];
  readonly states: readonly string[];
}

export interface StepEntered {
  readonly type: "step";
  readonly t_ns: number;
  readonly index: number;
  readonly id: string;
  readonly phase: string;
}

export interface BusEvent {
  readonly type: "event";
  readonly t_ns: number;
  readonly source: string;
  readonly kind: string;
  readonly text: string;
}

export interface AlarmChanged {
  readonly type: "alarm";
  readonly id: string;
  readonly title: string;
  readonly priority: string;
  readonly state: string;
  readonly active: boolean;
  readonly t_ns: number;
  readonly raised_utc: string;
  readonly order: number;
  readonly count: number;
  readonly value: number | null;
  readonly unit: string;
  readonly text: string;
  readonly guidance: string;
}

export interface Verdict {
  readonly title: string;
  readonly value: number | null;
  readonly unit: string;
  readonly lower: number | null;
  readonly upper: number | null;
  readonly margin: number | null;
  readonly verdict: string;
}

export interface Finished {
  readonly type: "finished";
  readonly shot: number;
  readonly shot_id: string;
  readonly verdict: string;
  readonly ended: string;
  readonly reason: string;
  readonly record: string;
  readonly journal: string;
  readonly report: string;
  readonly sheet: string;
  readonly exit: number;
  readonly measurements: readonly Verdict[];
  readonly safe: string;
}

/** The layout of a binary row: bytes, and how many sources, words and channels it has. */
export interface RowLayout {
  readonly bytes: number;
  readonly sources: number;
  readonly words: number;
  readonly channels: number;
}

export interface Snapshot {
  readonly type: "snapshot";
  readonly protocol: number;
  readonly stream: string;
  readonly link: "none" | "connected" | "lost";
  readonly hello: Hello | null;
  readonly marks: readonly string[];
  readonly alarms: readonly AlarmChanged[];
  readonly events: readonly BusEvent[];
  readonly finished: Finished | null;
  readonly row: RowLayout | null;
  readonly head: number;
}

export interface Live {
  readonly type: "live";
  readonly seq: number;
}

export interface LinkChanged {
  readonly type: "link";
  readonly link: "none" | "connected" | "lost";
}

export interface Dropped {
  readonly type: "dropped";
  readonly frames: number;
  readonly from: number;
  readonly to: number;
}

export type StreamMessage =
  Snapshot | Live | LinkChanged | Dropped | Hello | StepEntered | BusEvent | AlarmChanged | Finished;

/** GET /api/v1/rig as far as the shell needs it; a widget reads its own part (mimic) with its own type. */
export interface RigInfo {
  readonly name: string;
  readonly title: string;
  readonly [part: string]: unknown;
}
