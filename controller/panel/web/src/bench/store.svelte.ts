/**
 * The reactive bench: what the widgets read (bench.ts), fed by the stream.
 *
 * Messages change the model at once; what is shown follows on the next drawing of the screen, and numbers at most
 * DISPLAY_HZ times a second. A timer lets ages grow while nothing comes.
 */

import type { RowBlock } from "../stream/codec";
import type { StreamHandler } from "../stream/client";
import type { History } from "../stream/history";
import type { Bench, Link, LoggedEvent, Mark, Reading } from "./bench";
import type { AlarmChanged, ChannelInfo, Finished, Hello, RigInfo, SourceInfo, StreamMessage } from "./messages";
import { BenchModel } from "./model";

export const DISPLAY_HZ = 10;
/** Digits that change faster cannot be read. */

const CLOCK_STEP_S = 0.1;
/** The resolution of a label. */

/** The clock and the screen, as the store needs them. */
export interface Display {
  /** Monotonic seconds. */
  now(): number;
  /** Wall clock in seconds, for labels only. */
  wall(): number;
  /** Call before the next drawing of the screen (or soon, while nobody looks). */
  draw(callback: () => void): void;
}

export class BenchStore implements Bench, StreamHandler {
  link = $state.raw<Link>("connecting");
  silent = $state.raw(true);
  why = $state.raw("");
  hello = $state.raw<Hello | null>(null);
  rig = $state.raw<RigInfo | null>(null);
  simulated = $state.raw<boolean | null>(null);
  plcState = $state.raw<string | null>(null);
  plcStale = $state.raw(true);
  step = $state.raw(-1);
  marks = $state.raw<readonly Mark[]>([]);
  alarms = $state.raw<readonly AlarmChanged[]>([]);
  events = $state.raw<readonly LoggedEvent[]>([]);
  finished = $state.raw<Finished | null>(null);
  missed = $state.raw(0);

  readonly channels: readonly ChannelInfo[] = $derived(this.hello?.channels ?? []);
  readonly sources: readonly SourceInfo[] = $derived(this.hello?.sources ?? []);

  private readonly model = new BenchModel();
  private readonly display: Display;
  /** Counts what is shown: whoever reads a number depends on it. */
  private shown = $state.raw(0);
  /** Wall clock minus bench time; moved only when labels would change, so that hundreds of them stay as they are. */
  private clockOffsetS = $state.raw(NaN);
  private now = 0;
  private numbersAt = -Infinity;
  private pending = false;
  private readonly channelIndex: ReadonlyMap<string, number> = $derived(indexOf(this.channels));
  private readonly sourceIndex: ReadonlyMap<string, number> = $derived(indexOf(this.sources));
  private readonly pointIndex: ReadonlyMap<string, readonly [number, number]> = $derived(pointsOf(this.hello));

  constructor(display: Display) {
    this.display = display;
  }

  get history(): History {
    return this.model.history;
  }

  get timeS(): number {
    void this.shown;
    return this.model.timeS;
  }

  get countdownS(): number | null {
    void this.shown;
    return this.model.countdownS;
  }

  /** The PLC is the first source: the frame is made from its status. */
  get plcAgeS(): number {
    void this.shown;
    return this.model.sourceAgeS(0, this.now);
  }

  reading(channel: string): Reading | null {
    void this.shown;
    const index = this.channelIndex.get(channel);
    const info = index === undefined ? undefined : this.channels[index];
    if (index === undefined || info === undefined) return null;
    const source = this.sourceIndex.get(info.source) ?? -1;
    return {
      channel: info,
      value: this.model.values[index] ?? NaN,
      ageS: this.model.sourceAgeS(source, this.now),
      stale: this.model.sourceStale(source, this.now),
    };
  }

  point(name: string): boolean | null {
    void this.shown;
    const place = this.pointIndex.get(name);
    const word = place === undefined ? undefined : this.model.words[place[0]];
    if (place === undefined || word === undefined || !this.model.valid) return null;
    return ((word >>> place[1]) & 1) === 1;
  }

  sourceAgeS(source: string): number {
    void this.shown;
    return this.model.sourceAgeS(this.sourceIndex.get(source) ?? -1, this.now);
  }

  sourceStale(source: string): boolean {
    void this.shown;
    return this.model.sourceStale(this.sourceIndex.get(source) ?? -1, this.now);
  }

  clock(timeNs: number): string {
    const wallS = timeNs * 1e-9 + this.clockOffsetS;
    return Number.isFinite(wallS) ? clockLabel(new Date(wallS * 1000)) : "";
  }

  // ---- what the stream's client calls

  onMessage(message: StreamMessage): void {
    this.model.take(message);
    if (message.type === "snapshot") this.why = "";
    this.wake();
  }

  onRows(rows: RowBlock, live: boolean): void {
    const now = this.display.now();
    this.model.takeRows(rows, live, now);
    if (this.model.state !== this.plcState || this.silent || now - this.numbersAt >= 1 / DISPLAY_HZ) this.wake();
  }

  onGap(frames: number): void {
    this.model.takeGap(frames);
    this.wake();
  }

  onDown(why: string): void {
    this.model.takeDown();
    this.why = why;
    this.wake();
  }

  /** Let ages grow: call it DISPLAY_HZ times a second. */
  tick(): void {
    if (this.display.now() - this.numbersAt >= 0.9 / DISPLAY_HZ) this.wake();
  }

  private wake(): void {
    if (this.pending) return;
    this.pending = true;
    this.display.draw(() => this.show());
  }

  /** Hand what is known to the widgets; an assignment of the same value draws nothing. */
  private show(): void {
    const { model } = this;
    this.pending = false;
    this.now = this.numbersAt = this.display.now();
    this.link = model.link;
    this.hello = model.hello;
    this.silent = model.silent(this.now);
    this.plcState = model.state;
    this.plcStale = model.sourceStale(0, this.now);
    this.step = model.step;
    this.marks = model.marks;
    this.events = model.events;
    this.finished = model.finished;
    this.missed = model.missed;
    this.alarms = model.alarmList;
    const offsetS = model.browserTimeS(0) + this.display.wall() - this.now;
    const moved = !(Math.abs(offsetS - this.clockOffsetS) < CLOCK_STEP_S);
    if (Number.isFinite(offsetS) && moved) this.clockOffsetS = offsetS;
    this.shown++;
  }
}

function indexOf(items: readonly { readonly name: string }[]): ReadonlyMap<string, number> {
  return new Map(items.map(({ name }, index) => [name, index]));
}

function pointsOf(hello: Hello | null): ReadonlyMap<string, readonly [number, number]> {
  const words = hello?.words ?? [];
  return new Map(
    words.flatMap(({ name, bits }, word) => bits.map((bit, n) => [`${name}.${bit}`, [word, n] as const] as const)),
  );
}

function clockLabel(when: Date): string {
  const two = (n: number): string => String(n).padStart(2, "0");
  const tenths = Math.floor(when.getMilliseconds() / 100);
  return `${two(when.getHours())}:${two(when.getMinutes())}:${two(when.getSeconds())}.${tenths}`;
}
