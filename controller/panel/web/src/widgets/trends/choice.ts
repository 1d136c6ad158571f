/** What the trends show at first, and how often they are drawn. Pure. */

import type { ChannelInfo } from "../../bench/messages";

export const WINDOWS = [
  { title: "30 s", seconds: 30 },
  { title: "2 min", seconds: 120 },
  { title: "10 min", seconds: 600 },
] as const satisfies readonly { title: string; seconds: number }[];

const STILL_S = 1;
/** Whoever asked for less motion gets one step a second. */

const PAUSE_MIN_S = 0.03;
/** 30 pictures a second look smooth. */

const SHARE = 4;
/** A slow computer draws one fifth of its time; the abort button must answer there too. */

const FIRST_MAX = 6;

/** The channels of the first group: a rig's telemetry begins with what matters most. */
export function firstChoice(channels: readonly ChannelInfo[]): ReadonlySet<string> {
  const group = channels[0]?.group;
  const names = channels.filter((channel) => channel.group === group).map(({ name }) => name);
  return new Set(names.slice(0, FIRST_MAX));
}

/**
 * Seconds to wait after a drawing: until the picture has moved by a pixel (sooner there is nothing new to see), and
 * not so little that drawing, which took `drawingS`, uses more than a part of the computer.
 */
export function pauseS(windowS: number, width: number, drawingS: number, reduced: boolean): number {
  const pixelS = windowS / Math.max(width, 1);
  return reduced ? STILL_S : Math.max(pixelS, PAUSE_MIN_S, SHARE * drawingS);
}
