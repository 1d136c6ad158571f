/**
 * The rows of the stream: the twin of controller/telemetry/frames.py (version 1, little endian).
 *
 * Nothing is copied or allocated per row: a RowBlock reads the message where it lies. Golden vectors that both
 * codecs read are in tests/vectors/stream.txt.
 */

import type { RowLayout } from "../bench/messages";

export const KIND_ROWS = 1;
export const VERSION = 1;
export const HEADER_BYTES = 16;
export const FIXED_BYTES = 24;
export const STATE_UNKNOWN = 255;
const COUNTDOWN_VALID = 1;
const VALUES_VALID = 2;

/** A message that is no block of rows of this layout; the text says what is wrong. */
export class WireError extends Error {
  override name = "WireError";
}

/** Size of a row of so many sources, words and channels: a multiple of 8. */
export function rowBytes(sources: number, words: number, channels: number): number {
  return Math.ceil((FIXED_BYTES + 4 * (sources + words + channels)) / 8) * 8;
}

/** Consecutive rows of one message; `i` counts from 0 to `count - 1`. */
export class RowBlock {
  readonly count: number;
  readonly firstSeq: number;
  private readonly view: DataView;

  /** Throws WireError when `data` is no message of rows of `layout`. */
  constructor(
    readonly layout: RowLayout,
    data: ArrayBuffer,
  ) {
    const view = new DataView(data);
    if (data.byteLength < HEADER_BYTES) throw new WireError(`a message of ${data.byteLength} bytes has no header`);
    const [kind, version] = [view.getUint8(0), view.getUint8(1)];
    if (kind !== KIND_ROWS || version !== VERSION) throw new WireError(`message kind ${kind} version ${version}`);
    const bytes = view.getUint16(2, true);
    const expected = rowBytes(layout.sources, layout.words, layout.channels);
    this.count = view.getUint32(4, true);
    this.firstSeq = view.getUint32(8, true);
    this.view = view;
    if (bytes !== expected || data.byteLength !== HEADER_BYTES + this.count * bytes)
      throw new WireError(`${this.count} rows of ${bytes} in ${data.byteLength} bytes; rows here have ${expected}`);
  }

  timeS(i: number): number {
    return this.view.getFloat64(this.at(i), true);
  }

  seq(i: number): number {
    return this.view.getUint32(this.at(i) + 8, true);
  }

  step(i: number): number {
    return this.view.getInt16(this.at(i) + 12, true);
  }

  /** Index into Hello.states; STATE_UNKNOWN when the state has no name there. */
  state(i: number): number {
    return this.view.getUint8(this.at(i) + 14);
  }

  valid(i: number): boolean {
    return (this.flags(i) & VALUES_VALID) !== 0;
  }

  /** Seconds to fire, null outside a countdown. */
  countdownS(i: number): number | null {
    return (this.flags(i) & COUNTDOWN_VALID) === 0 ? null : this.view.getFloat32(this.at(i) + 16, true);
  }

  lateS(i: number): number {
    return this.view.getFloat32(this.at(i) + 20, true);
  }

  ageS(i: number, source: number): number {
    return this.view.getFloat32(this.at(i) + FIXED_BYTES + 4 * source, true);
  }

  word(i: number, word: number): number {
    return this.view.getUint32(this.at(i) + FIXED_BYTES + 4 * (this.layout.sources + word), true);
  }

  value(i: number, channel: number): number {
    const { sources, words } = this.layout;
    return this.view.getFloat32(this.at(i) + FIXED_BYTES + 4 * (sources + words + channel), true);
  }

  private flags(i: number): number {
    return this.view.getUint8(this.at(i) + 15);
  }

  private at(i: number): number {
    return HEADER_BYTES + i * rowBytes(this.layout.sources, this.layout.words, this.layout.channels);
  }
}
