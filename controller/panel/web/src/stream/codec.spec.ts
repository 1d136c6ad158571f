import { expect, test } from "vitest";

import vectors from "../../../../../tests/vectors/stream.txt?raw";
import { RowBlock, WireError, rowBytes } from "./codec";

type Number_ = number | null | "inf" | "-inf";

interface Vector {
  name: string;
  layout: { sources: number; words: number; channels: number; states: string[] };
  hex: string;
  first_seq: number;
  row_bytes: number;
  rows: {
    t_s: number;
    seq: number;
    step: number;
    state: number;
    flags: number;
    countdown_s: Number_;
    late_s: Number_;
    ages_s: Number_[];
    words: number[];
    values: Number_[];
  }[];
}

const all = vectors
  .split(/\r?\n/)
  .filter((line) => line.startsWith("{"))
  .map((line) => JSON.parse(line) as Vector);

function bytes(hex: string): ArrayBuffer {
  const pairs = hex.replace(/\s+/g, "").match(/../g) ?? [];
  return Uint8Array.from(pairs, (pair) => parseInt(pair, 16)).buffer;
}

function expected(value: Number_): number {
  return value === null ? NaN : value === "inf" ? Infinity : value === "-inf" ? -Infinity : value;
}

const counted = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

test("there are vectors", () => expect(all.length).toBeGreaterThan(2));

test.each(all)("reads: $name", ({ layout, hex, first_seq, row_bytes, rows }) => {
  const { sources, words, channels } = layout;
  const block = new RowBlock({ bytes: row_bytes, sources, words, channels }, bytes(hex));
  expect(rowBytes(sources, words, channels)).toBe(row_bytes);
  expect([block.firstSeq, block.count]).toEqual([first_seq, rows.length]);
  rows.forEach((row, i) => {
    expect(block.timeS(i)).toBe(row.t_s);
    expect(block.seq(i)).toBe(row.seq);
    expect(block.step(i)).toBe(row.step);
    expect(block.state(i)).toBe(row.state);
    expect(block.valid(i)).toBe((row.flags & 2) !== 0);
    expect(block.countdownS(i)).toEqual((row.flags & 1) === 0 ? null : expected(row.countdown_s));
    expect(block.lateS(i)).toEqual(expected(row.late_s));
    expect(counted(sources).map((n) => block.ageS(i, n))).toEqual(row.ages_s.map(expected));
    expect(counted(words).map((n) => block.word(i, n))).toEqual(row.words);
    expect(counted(channels).map((n) => block.value(i, n))).toEqual(row.values.map(expected));
  });
});

test("refuses what it cannot read", () => {
  const layout = { bytes: 24, sources: 0, words: 0, channels: 0 };
  const good = "01 01 1800 01000000 01000000 00000000  000000000000f03f 01000000 ffff ff 02 0000c07f 00000000";
  expect(new RowBlock(layout, bytes(good)).count).toBe(1);
  expect(() => new RowBlock(layout, bytes("01 01"))).toThrow(WireError);
  expect(() => new RowBlock(layout, bytes(good.replace("01 01", "01 02")))).toThrow("version 2");
  expect(() => new RowBlock(layout, bytes(good.slice(0, -2)))).toThrow(WireError);
  expect(() => new RowBlock({ ...layout, channels: 3 }, bytes(good))).toThrow("rows here have 40");
});
