/**
 * The WebSocket to the panel: one subscription that is always there or being made.
 *
 * After a break it resumes where it stopped (`?stream=&after=`), so that nothing is missing or doubled; the panel
 * starts it afresh when it cannot. Sockets, sleeping and chance are given, so that tests need no network and no time.
 */

import type { RowLayout, StreamMessage } from "../bench/messages";
import { RowBlock, rowBytes } from "./codec";

export const BACKFILL_S = 600;
/** As much as the trends can show; the panel sends what it has of it. */

export const RETRY_FIRST_S = 0.25;
export const RETRY_MAX_S = 4;
/** A panel that is gone is asked four times in the first seconds, then every four seconds. */

export const SILENCE_MAX_S = 5;
/** A stopped panel accepts connections and says nothing, and so does a half-open one: it is made anew. */

/** What the client tells. Every row comes once and in order, but for what `onGap` says is missing. */
export interface StreamHandler {
  onMessage(message: StreamMessage): void;
  onRows(rows: RowBlock, live: boolean): void;
  /** `frames` rows are missing before the next ones. */
  onGap(frames: number): void;
  /** The connection is gone (a sentence why); it is being made again. */
  onDown(why: string): void;
}

/** The part of a WebSocket that is used. */
export interface Socket {
  binaryType: BinaryType;
  onmessage: ((event: MessageEvent) => void) | null;
  onclose: ((event: CloseEvent) => void) | null;
  onerror: ((event: Event) => void) | null;
  close(): void;
}

export interface Surroundings {
  connect(url: string): Socket;
  /** Resolves after so many seconds, or early when the signal aborts. */
  sleep(seconds: number, signal: AbortSignal): Promise<void>;
  /** Chance in [0, 1): a hundred viewers must not come back in the same instant. */
  random(): number;
}

/** Seconds before attempt `failures` + 1: doubling, bounded, spread by a quarter. */
export function retryAfterS(failures: number, random: number): number {
  const base = Math.min(RETRY_MAX_S, RETRY_FIRST_S * 2 ** Math.min(failures, 10));
  return base * (0.75 + 0.5 * random);
}

export class StreamClient {
  private layout: RowLayout | null = null;
  private stream = "";
  private lastSeq = -1;
  private live = false;
  private linked = false;
  private failures = 0;
  private heard = 0;
  private readonly stopped = new AbortController();

  /** `path` is the stream's address without a query. */
  constructor(
    private readonly path: string,
    private readonly handler: StreamHandler,
    private readonly around: Surroundings,
  ) {}

  /** Connect, and connect again, until `stop`. */
  async run(): Promise<void> {
    const { signal } = this.stopped;
    while (!signal.aborted) {
      const why = await this.connection();
      if (signal.aborted) return;
      this.handler.onDown(why);
      await this.around.sleep(retryAfterS(this.failures++, this.around.random()), signal);
    }
  }

  stop(): void {
    this.stopped.abort();
  }

  /** The address of the next connection: a resumption once something was received. */
  get url(): string {
    const resume = this.stream !== "" && this.lastSeq >= 0;
    return resume
      ? `${this.path}?stream=${encodeURIComponent(this.stream)}&after=${this.lastSeq}`
      : `${this.path}?backfill_s=${BACKFILL_S}`;
  }

  /** One connection from beginning to end; resolves with why it ended. */
  private async connection(): Promise<string> {
    const over = new AbortController();
    const socket = this.around.connect(this.url);
    socket.binaryType = "arraybuffer";
    this.linked = this.live = false;
    this.heard = 0;
    const ended = new Promise<string>((resolve) => {
      socket.onmessage = ({ data }: MessageEvent) => {
        this.heard++;
        try {
          this.take(data as string | ArrayBuffer);
        } catch (error) {
          this.lastSeq = -1; // what cannot be read must not be shown: start again from the beginning
          resolve(`the stream cannot be read: ${String(error)}`);
        }
      };
      socket.onclose = ({ code }: CloseEvent) => resolve(`the panel closed the stream (${code})`);
      socket.onerror = () => resolve("the panel cannot be reached");
      this.stopped.signal.addEventListener("abort", () => resolve("stopped"), { once: true, signal: over.signal });
      void this.silence(over.signal).then(resolve);
    });
    const why = await ended;
    over.abort();
    socket.onmessage = socket.onclose = socket.onerror = null;
    socket.close();
    return why;
  }

  /** Resolves when the panel does not answer, or a live bench is not heard any more. */
  private async silence(over: AbortSignal): Promise<string> {
    while (!over.aborted) {
      const before = this.heard;
      await this.around.sleep(SILENCE_MAX_S, over);
      if (this.heard === before && (before === 0 || this.linked)) return "the stream went silent";
    }
    return "over";
  }

  private take(data: string | ArrayBuffer): void {
    if (typeof data === "string") this.takeText(JSON.parse(data) as StreamMessage);
    else this.takeRows(data);
  }

  private takeText(message: StreamMessage): void {
    if (message.type === "snapshot") {
      if (message.protocol !== 1) throw new Error(`protocol ${message.protocol}; this page speaks 1: reload it`);
      if (message.stream !== this.stream) this.lastSeq = -1;
      [this.stream, this.layout, this.failures] = [message.stream, message.row, 0];
      this.linked = message.link === "connected";
    } else if (message.type === "hello") {
      this.layout = layoutOf(message);
      this.linked = true;
    } else if (message.type === "link") this.linked = message.link === "connected";
    else if (message.type === "live") this.live = true;
    this.handler.onMessage(message);
  }

  private takeRows(data: ArrayBuffer): void {
    if (this.layout === null) throw new Error("rows before the hello that describes them");
    const rows = new RowBlock(this.layout, data);
    if (rows.count === 0) return;
    const expected = this.lastSeq + 1;
    if (this.lastSeq >= 0 && rows.firstSeq !== expected) this.handler.onGap(rows.firstSeq - expected);
    this.lastSeq = rows.firstSeq + rows.count - 1;
    this.handler.onRows(rows, this.live);
  }
}

function layoutOf(hello: {
  readonly sources: readonly unknown[];
  readonly words: readonly unknown[];
  readonly channels: readonly unknown[];
}): RowLayout {
  const [sources, words, channels] = [hello.sources.length, hello.words.length, hello.channels.length];
  return { bytes: rowBytes(sources, words, channels), sources, words, channels };
}
