/** What a tile says about its value. Pure. */

import type { Reading } from "../../bench/bench";
import type { ChannelInfo } from "../../bench/messages";

export interface Judgement {
  readonly tone: "normal" | "stale" | "wrong";
  /** Empty while there is nothing to say. */
  readonly word: string;
  readonly sign: string;
}

/** Staleness first: an old value is neither good nor bad. Limits count in the states that they are meant for. */
export function judge(reading: Reading | null, state: string | null = null): Judgement {
  if (reading === null || reading.stale) return { tone: "stale", word: "STALE", sign: "◌" };
  const { value, channel } = reading;
  if (Number.isNaN(value)) return { tone: "stale", word: "NOT VALID", sign: "◌" };
  if (!applies(channel, state)) return { tone: "normal", word: "", sign: "" };
  if (channel.high !== null && value > channel.high) return { tone: "wrong", word: "HIGH", sign: "▲" };
  if (channel.low !== null && value < channel.low) return { tone: "wrong", word: "LOW", sign: "▼" };
  return { tone: "normal", word: "", sign: "" };
}

/** Whether the channel's limits are limits while the PLC is in `state`. */
export function applies({ states }: Pick<ChannelInfo, "states">, state: string | null): boolean {
  return states === undefined || states.length === 0 || (state !== null && states.includes(state));
}

/** A bar from zero to the value, and where the limits are: fractions of the bar's length. Null without limits. */
export interface Bar {
  readonly from: number;
  readonly to: number;
  readonly limits: readonly number[];
}

const ROOM = 1.1;
/** A value slightly above its limit must be seen to be above it. */

export function barOf(reading: Reading | null): Bar | null {
  if (reading === null) return null;
  const { low, high } = reading.channel;
  const limits = [low, high].filter((limit) => limit !== null);
  if (limits.length === 0) return null;
  const top = Math.max(0, ...limits) * ROOM;
  const bottom = Math.min(0, ...limits) * ROOM;
  if (top === bottom) return null;
  const place = (value: number): number => Math.min(1, Math.max(0, (value - bottom) / (top - bottom)));
  const value = Number.isNaN(reading.value) ? 0 : reading.value;
  return { from: Math.min(place(0), place(value)), to: Math.max(place(0), place(value)), limits: limits.map(place) };
}
