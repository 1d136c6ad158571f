/** Alarms as a list for people: which, in what order, in what words, and what is new. Pure. */

import type { AlarmChanged } from "../../bench/messages";

const PRIORITIES = ["critical", "high", "medium", "low"];

/** The ISA-18.2 states of controller/telemetry/alarms.py in words. */
const STATES: Readonly<Record<string, string>> = {
  NORMAL: "normal",
  UNACK_ALARM: "active, unacknowledged",
  ACK_ALARM: "active, acknowledged",
  RTN_UNACK: "returned, unacknowledged",
  LATCH_UNACK: "latched, unacknowledged",
  LATCH_ACK: "latched, acknowledged",
  SHELVED: "shelved",
};

/** At most so many new alarms are read out by name: of a flood the number is what matters. */
const SPOKEN_MAX = 3;

export function rank(priority: string): number {
  const found = PRIORITIES.indexOf(priority);
  return found < 0 ? PRIORITIES.length : found;
}

export function stateWords(state: string): string {
  return STATES[state] ?? state.toLowerCase().replaceAll("_", " ");
}

/** What is not normal: most urgent first, within a priority the first fault first, then the newest. */
export function listed(alarms: readonly AlarmChanged[]): AlarmChanged[] {
  return alarms.filter(({ state }) => state !== "NORMAL").sort(compare);
}

function compare(a: AlarmChanged, b: AlarmChanged): number {
  const [first, second] = [a.order || Infinity, b.order || Infinity];
  const shelved = Number(a.state === "SHELVED") - Number(b.state === "SHELVED");
  if (shelved !== 0) return shelved;
  if (a.priority !== b.priority) return rank(a.priority) - rank(b.priority);
  if (first !== second) return first - second;
  return b.t_ns - a.t_ns || a.id.localeCompare(b.id);
}

/** `2 active, 1 more`: what a heading says; `none` without any. */
export function summary(alarms: readonly AlarmChanged[]): string {
  const active = alarms.filter((alarm) => alarm.active).length;
  const others = alarms.length - active;
  if (alarms.length === 0) return "none";
  if (active === 0) return `none active, ${others} to look at`;
  return others === 0 ? `${active} active` : `${active} active, ${others} more`;
}

/** What must be said aloud about alarms that were raised (or raised again) between two lists; "" for nothing. */
export function announcement(before: readonly AlarmChanged[], now: readonly AlarmChanged[]): string {
  const known = new Map(before.map((alarm) => [alarm.id, alarm]));
  const raised = listed(now).filter((alarm) => {
    const last = known.get(alarm.id);
    return alarm.active && (last === undefined || !last.active || alarm.count > last.count);
  });
  if (raised.length === 0) return "";
  const names = raised.slice(0, SPOKEN_MAX).map(({ priority, title }) => `${title}, ${priority}`);
  const more = raised.length > SPOKEN_MAX ? `; and ${raised.length - SPOKEN_MAX} more` : "";
  return `${raised.length === 1 ? "Alarm" : `${raised.length} alarms`}: ${names.join("; ")}${more}`;
}

/** Time of day of a UTC label in the viewer's zone, with the date when it is not today's; the label itself if unread. */
export function clock(utc: string, now: Date): string {
  const at = new Date(utc);
  if (utc === "" || Number.isNaN(at.getTime())) return utc;
  const time = at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
  return at.toDateString() === now.toDateString() ? time : `${at.toLocaleDateString()} ${time}`;
}
