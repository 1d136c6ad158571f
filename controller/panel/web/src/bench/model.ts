/**
 * What the stream has told so far: the twin of controller/panel/live.py, and the newest row. Not reactive, no clock.
 *
 * `now` is the browser's monotonic clock in seconds and always an argument.
 */

import { STATE_UNKNOWN, type RowBlock } from "../stream/codec";
import { History } from "../stream/history";
import { Lag } from "./lag";
import type { Link, LoggedEvent, Mark } from "./bench";
import type { AlarmChanged, BusEvent, ChannelInfo, Finished, Hello, Snapshot, StepEntered, StreamMessage } from "./messages";

export const EVENTS_MAX = 512;
/** As many as the panel keeps for a viewer that joins. */

export const ALARMS_MAX = 1024;
/** As the panel. */

export const SILENCE_S = 0.5;
/** 25 frames: when none came for so long, nothing on the page is known to be true. */

const MARKS: ReadonlySet<string> = new Set<Mark>(["pending", "running", "done", "broken"]);

export class BenchModel {
  link: Link = "connecting";
  hello: Hello | null = null;
  marks: Mark[] = [];
  /** In the order of their last change; replaced, never changed in place. */
  alarmList: readonly AlarmChanged[] = [];
  events: LoggedEvent[] = [];
  finished: Finished | null = null;
  /** Rows that this viewer missed since the page was opened. */
  missed = 0;

  timeS = NaN;
  step = -1;
  state: string | null = null;
  countdownS: number | null = null;
  /** The newest row carried values and points; without, nothing of them is known. */
  valid = false;
  values = new Float32Array(0);
  words = new Uint32Array(0);
  /** Ages of the sources when the newest row was made; Infinity before the first. */
  ages = new Float32Array(0);
  /** Browser time at which the newest live row came; -Infinity when none ever was. */
  heardAt = -Infinity;
  /** A live row came since the link or the core changed last: only then can anything be fresh. */
  private speaking = false;

  readonly history = new History();
  /** Index of each channel's source. */
  private sourceOf: readonly number[] = [];
  private readonly lag = new Lag();
  private nextId = 1;

  take(message: StreamMessage): void {
    switch (message.type) {
      case "snapshot":
        return this.takeSnapshot(message);
      case "hello":
        this.link = "connected";
        return this.takeHello(message);
      case "step":
        return this.takeStep(message);
      case "event":
        return this.takeEvent(message);
      case "alarm":
        this.alarmList = [...this.alarmList.filter(({ id }) => id !== message.id), message].slice(-ALARMS_MAX);
        return;
      case "finished":
        this.finished = message;
        this.marks = this.marks.map((mark) => (mark === "running" ? "broken" : mark));
        return;
      case "link":
        this.link = message.link;
        if (message.link !== "connected") this.speaking = false;
        return;
      case "live":
      case "dropped": // the rows that are missing are counted where they are missed
        return;
    }
  }

  /** The newest rows. Only `live` ones say that the bench is heard now. */
  takeRows(rows: RowBlock, live: boolean, now: number): void {
    for (let i = 0; i < rows.count; i++) this.history.push(rows.timeS(i), (channel) => this.known(rows, i, channel));
    const last = rows.count - 1;
    this.timeS = rows.timeS(last);
    this.step = rows.step(last);
    this.countdownS = rows.countdownS(last);
    const state = rows.state(last);
    this.state = state === STATE_UNKNOWN ? null : (this.hello?.states[state] ?? null);
    this.valid = rows.valid(last);
    for (let n = 0; n < this.values.length; n++) this.values[n] = this.valid ? rows.value(last, n) : NaN;
    for (let n = 0; n < this.words.length; n++) this.words[n] = rows.word(last, n);
    for (let n = 0; n < this.ages.length; n++) this.ages[n] = age(rows.ageS(last, n));
    if (!live) return;
    this.lag.note(this.timeS, now);
    this.heardAt = now;
    this.speaking = true;
  }

  /** A value as the trend keeps it: one that was stale when it was sent is a gap, not a flat line. */
  private known(rows: RowBlock, i: number, channel: number): number {
    const source = this.sourceOf[channel] ?? -1;
    return age(rows.ageS(i, source)) <= this.limitS(source) ? rows.value(i, channel) : NaN;
  }

  private limitS(source: number): number {
    return this.hello?.sources[source]?.stale_after_s ?? 0;
  }

  /** Rows are missing: the trend shows a gap there. */
  takeGap(frames: number): void {
    this.missed += Math.max(0, frames);
    const end = this.history.endS;
    if (Number.isFinite(end)) this.history.push(end + 1e-6, () => NaN);
  }

  /** The panel is not heard any more. */
  takeDown(): void {
    this.link = "connecting";
    this.speaking = false;
    this.lag.reset();
  }

  silent(now: number): boolean {
    return !(this.speaking && this.link === "connected" && now - this.heardAt <= SILENCE_S);
  }

  /** Age now of what the source said last: what it was in the newest row, and the time since. */
  sourceAgeS(source: number, now: number): number {
    const reported = this.ages[source];
    if (reported === undefined) return Infinity;
    return reported + Math.max(0, now - this.heardAt) + this.lag.seconds(this.timeS, this.heardAt);
  }

  sourceStale(source: number, now: number): boolean {
    return this.silent(now) || !(this.sourceAgeS(source, now) <= this.limitS(source));
  }

  /** Browser time of a bench time, in seconds; NaN before the first live row. For labels only. */
  browserTimeS(benchTimeS: number): number {
    return benchTimeS + this.lag.offset;
  }

  private takeSnapshot(snapshot: Snapshot): void {
    const continues = sameChannels(this.hello, snapshot.hello);
    this.link = snapshot.link;
    this.speaking = false;
    this.finished = snapshot.finished;
    this.alarmList = snapshot.alarms;
    this.events = snapshot.events.slice(-EVENTS_MAX).map((event) => ({ ...event, id: this.nextId++ }));
    this.hello = snapshot.hello;
    if (!continues) this.resize();
    this.marks = snapshot.marks.map((mark) => (MARKS.has(mark) ? (mark as Mark) : "pending"));
  }

  private takeHello(hello: Hello): void {
    const before = this.hello;
    this.hello = hello;
    if (!sameChannels(before, hello)) this.resize();
    if (before !== null && before.session === hello.session && before.shot_id === hello.shot_id) return;
    if (hello.mode !== "watch") this.finished = null; // who watches an idle bench wants to know how the run ended
    this.marks = hello.steps.map(() => "pending");
    this.forgetRow();
  }

  private takeStep({ index, phase }: StepEntered): void {
    this.marks = this.marks.map((mark, n) => (n === index ? (phase === "enter" ? "running" : "done") : mark));
  }

  private takeEvent(event: BusEvent): void {
    this.events = [...this.events.slice(1 - EVENTS_MAX), { ...event, id: this.nextId++ }];
  }

  /** Another catalogue: whatever was stored has no names any more. */
  private resize(): void {
    const { channels = [], sources = [] } = this.hello ?? {};
    this.sourceOf = channels.map((channel) => sources.findIndex(({ name }) => name === channel.source));
    this.history.reset(channels.length);
    this.forgetRow();
  }

  private forgetRow(): void {
    const [channels, words, sources] = [this.hello?.channels, this.hello?.words, this.hello?.sources];
    this.values = new Float32Array(channels?.length ?? 0).fill(NaN);
    this.words = new Uint32Array(words?.length ?? 0);
    this.ages = new Float32Array(sources?.length ?? 0).fill(Infinity);
    [this.timeS, this.step, this.state, this.countdownS, this.valid] = [NaN, -1, null, null, false];
    this.heardAt = -Infinity;
    this.speaking = false;
  }
}

/** An age that is not a number was never measured. */
function age(seconds: number): number {
  return Number.isNaN(seconds) ? Infinity : seconds;
}

function sameChannels(a: Hello | null, b: Hello | null): boolean {
  const key = (channel: ChannelInfo): string => `${channel.name} ${channel.unit} ${channel.source}`;
  const all = (hello: Hello | null): string =>
    JSON.stringify([hello?.channels.map(key), hello?.words, hello?.sources.map(({ name }) => name)]);
  return a !== null && b !== null && all(a) === all(b);
}
