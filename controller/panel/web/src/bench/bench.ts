/**
 * What a widget may know: a bench that can be read.
 *
 * Everything here is reactive (Svelte runes behind it): a widget that reads it in its markup or in a `$derived` is
 * drawn again when it changes, at most DISPLAY_HZ times a second for numbers (more cannot be read) and at once for
 * states, steps, alarms and events. Nothing is ever undefined: what is not known is null, NaN or stale.
 */

import type { History } from "../stream/history";
import type { AlarmChanged, BusEvent, ChannelInfo, Finished, Hello, RigInfo, SourceInfo } from "./messages";

/** `connecting`: no stream to the panel; `none`: the panel has no core yet; `lost`: the panel lost its core. */
export type Link = "connecting" | "none" | "connected" | "lost";

export type Mark = "pending" | "running" | "done" | "broken";

/** One channel as it is known now. `value` is NaN when it is not valid; `ageS` keeps growing when frames stop. */
export interface Reading {
  readonly channel: ChannelInfo;
  readonly value: number;
  readonly ageS: number;
  readonly stale: boolean;
}

/** An event and its number in this page's log. */
export interface LoggedEvent extends BusEvent {
  readonly id: number;
}

export interface Bench {
  readonly link: Link;
  /** No frame for SILENCE_S: nothing on the page is known to be true any more. */
  readonly silent: boolean;
  readonly hello: Hello | null;
  /** GET /api/v1/rig, null until it is there. */
  readonly rig: RigInfo | null;
  /** The bench is made of stand-ins; null until it is known. */
  readonly simulated: boolean | null;
  readonly channels: readonly ChannelInfo[];
  readonly sources: readonly SourceInfo[];
  /** The PLC's state name as it was last heard, null before; look at `plcStale` beside it. */
  readonly plcState: string | null;
  /** The PLC's status is too old to be true: its state and all points with it. */
  readonly plcStale: boolean;
  readonly plcAgeS: number;
  /** Index of the step that runs, -1 for none. */
  readonly step: number;
  readonly marks: readonly Mark[];
  /** Seconds to fire, null outside a countdown. */
  readonly countdownS: number | null;
  readonly alarms: readonly AlarmChanged[];
  readonly events: readonly LoggedEvent[];
  readonly finished: Finished | null;
  /** Time of the newest frame on the bench's clock, in seconds; NaN before the first. */
  readonly timeS: number;
  /** The last minutes of every channel, in the order of `channels`; not reactive: read it where `timeS` is read. */
  readonly history: History;
  /** Why there is no stream, or an empty string. */
  readonly why: string;
  /** Frames that this viewer missed. */
  readonly missed: number;

  reading(channel: string): Reading | null;
  /** A digital point by `word.BIT`; null when it is not known. Stale with `plcStale`. */
  point(name: string): boolean | null;
  /** Age of a source in seconds, Infinity when never heard. */
  sourceAgeS(source: string): number;
  sourceStale(source: string): boolean;
  /** `14:03:22.1` by this computer's clock, of a bench time in ns; empty while it is not known. A label for people. */
  clock(timeNs: number): string;
}
