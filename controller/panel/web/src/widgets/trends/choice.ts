/** What the trends show at first, and how often they are drawn. Pure. */

import type { ChannelInfo } from "../../bench/messages";

export const WINDOWS = [
  { title: "30 s", seconds: 30 },
  { title: "2 min", seconds: 120 },
  { title: "10 min", seconds: 600 },
] as const satisfies readonly { title: string; seconds: number }[];

const STILL_S = 1;
/** Whoever asked for less motion gets one step a second. */

const FIRST_MAX = 6;

/** The channels of the first group: a rig's telemetry begins with what matters most. */
export function firstChoice(channels: readonly ChannelInfo[]): ReadonlySet<string> {
  const group = channels[0]?.group;
  const names = channels.filter((channel) => channel.group === group).map(({ name }) => name);
  return new Set(names.slice(0, FIRST_MAX));
}

/** Seconds of bench time after which the picture has moved by a pixel; drawing it sooner shows nothing new. */
export function dueS(windowS: number, width: number, reduced: boolean): number {
  return reduced ? STILL_S : windowS / Math.max(width, 1);
}
