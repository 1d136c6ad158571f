/** Makes messages of rows: for tests and the stand-in stream of the development pages; never part of the page. */

import type { RowLayout } from "../bench/messages";
import { FIXED_BYTES, HEADER_BYTES, KIND_ROWS, RowBlock, STATE_UNKNOWN, VERSION, rowBytes } from "../stream/codec";

export interface RowValues {
  timeS: number;
  step?: number;
  state?: number;
  countdownS?: number;
  ages?: readonly number[];
  words?: readonly number[];
  values?: readonly number[];
}

/** The layout of a row with so many fields. */
export function layoutOf(sources: number, words: number, channels: number): RowLayout {
  return { bytes: rowBytes(sources, words, channels), sources, words, channels };
}

/** A message of consecutive rows. A row without `values` is not valid. */
export function encodeRows(layout: RowLayout, firstSeq: number, rows: readonly RowValues[]): ArrayBuffer {
  const view = new DataView(new ArrayBuffer(HEADER_BYTES + rows.length * layout.bytes));
  view.setUint8(0, KIND_ROWS);
  view.setUint8(1, VERSION);
  view.setUint16(2, layout.bytes, true);
  view.setUint32(4, rows.length, true);
  view.setUint32(8, firstSeq, true);
  rows.forEach((row, i) => {
    const at = HEADER_BYTES + i * layout.bytes;
    view.setFloat64(at, row.timeS, true);
    view.setUint32(at + 8, firstSeq + i, true);
    view.setInt16(at + 12, row.step ?? -1, true);
    view.setUint8(at + 14, row.state ?? STATE_UNKNOWN);
    view.setUint8(at + 15, (row.countdownS === undefined ? 0 : 1) | (row.values === undefined ? 0 : 2));
    view.setFloat32(at + 16, row.countdownS ?? NaN, true);
    let field = at + FIXED_BYTES;
    for (let n = 0; n < layout.sources; n++, field += 4) view.setFloat32(field, row.ages?.[n] ?? Infinity, true);
    for (let n = 0; n < layout.words; n++, field += 4) view.setUint32(field, row.words?.[n] ?? 0, true);
    for (let n = 0; n < layout.channels; n++, field += 4) view.setFloat32(field, row.values?.[n] ?? NaN, true);
  });
  return view.buffer as ArrayBuffer;
}

export function blockOf(layout: RowLayout, firstSeq: number, rows: readonly RowValues[]): RowBlock {
  return new RowBlock(layout, encodeRows(layout, firstSeq, rows));
}
