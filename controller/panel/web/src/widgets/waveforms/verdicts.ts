/** Measurements and verdicts in words. Pure. */

import { printedUnit, scaleFor, text } from "../../bench/format";
import type { Row } from "../../page/figures";
import type { Measurement, Shot, ShotChannel } from "./api";

/** A mark that differs in shape, for people who do not see the colour. */
const MARKS: Readonly<Record<string, string>> = { pass: "✓", inconclusive: "?", fail: "✕", aborted: "■", error: "!" };

export function verdictMark(verdict: string): string {
  return MARKS[verdict] ?? "–";
}

/** How much attention a verdict wants. */
export function verdictTone(verdict: string): "plain" | "warn" | "alarm" {
  if (verdict === "fail" || verdict === "error") return "alarm";
  return verdict === "inconclusive" || verdict === "aborted" ? "warn" : "plain";
}

/** The prefix of a measurement's numbers is that of its larger limit, so that they can be compared at a glance. */
function reference({ value, lower, upper }: Measurement): number {
  const limits = [lower, upper].filter((limit): limit is number => limit !== null).map(Math.abs);
  return Math.max(...limits, limits.length === 0 ? Math.abs(value ?? 0) : 0);
}

/** Plain numbers that are all whole are counts: 0 of at most 2, not 0.000 of at most 2.000. */
function isCount({ value, lower, upper, unit }: Measurement): boolean {
  const known = [value, lower, upper].filter((each) => each !== null);
  return (unit === "" || unit === "1") && known.every(Number.isInteger);
}

function figure(value: number | null, measurement: Measurement): string {
  return text(value, isCount(measurement) ? "count" : measurement.unit, reference(measurement));
}

export function valueText(measurement: Measurement): string {
  const { value, u95, unit } = measurement;
  const shown = figure(value, measurement);
  return value === null || u95 === null || u95 <= 0 ? shown : `${shown} ± ${uncertainty(u95, unit, reference(measurement))}`;
}

/** Two figures, with the prefix of the value that it belongs to. */
function uncertainty(u95: number, unit: string, size: number): string {
  const [scale, prefix] = scaleFor(size, unit);
  const decimals = Math.min(9, Math.max(0, 1 - Math.floor(Math.log10(u95 / scale))));
  return `${(u95 / scale).toFixed(decimals)} ${prefix}${printedUnit(unit)}`.trim();
}

/** `60.00 kA to 70.00 kA`, `at most 5.000 kV`, `no limit`. */
export function limitText(measurement: Measurement): string {
  const { lower, upper } = measurement;
  const shown = (limit: number): string => figure(limit, measurement);
  if (lower !== null && lower === upper) return `exactly ${shown(lower)}`;
  if (lower !== null && upper !== null) return `${shown(lower)} to ${shown(upper)}`;
  if (lower !== null) return `at least ${shown(lower)}`;
  return upper !== null ? `at most ${shown(upper)}` : "no limit";
}

export const MEASUREMENT_HEADS = ["Measurement", "Value", "Limits", "Verdict"] as const;

/** Measurements as rows of a table. */
export function measurementRows(measurements: readonly Measurement[]): Row[] {
  return measurements.map((measurement) => ({
    key: measurement.name,
    title: measurement.title,
    figures: [valueText(measurement), limitText(measurement)],
    verdict: {
      word: measurement.verdict,
      mark: verdictMark(measurement.verdict),
      tone: verdictTone(measurement.verdict),
      reason: measurement.reason,
    },
  }));
}

/** A shot in the list: `12 · full · pass · 2026-11-21 09:30`. */
export function shotLabel(shot: Shot): string {
  const when = shot.started_utc.replace("T", " ").slice(0, 16);
  const how = shot.ended === "" ? "running" : shot.verdict || shot.ended;
  return [String(shot.number), shot.kind, how, when].filter((part) => part !== "").join(" · ");
}

/** Channels in the order of the bench's description, others after them. */
export function inOrder<Named extends { readonly name: string }>(channels: readonly Named[], names: readonly string[]): Named[] {
  const place = ({ name }: Named): number => (names.includes(name) ? names.indexOf(name) : names.length);
  return [...channels].sort((a, b) => place(a) - place(b));
}

/** The kind of channels to show: what the viewer chose where there is such; else a train, waveforms, slow channels. */
export function kindToShow(channels: readonly ShotChannel[], chosen: ShotChannel["kind"] | null): ShotChannel["kind"] {
  const kinds = new Set(channels.filter(({ samples }) => samples > 0).map(({ kind }) => kind));
  if (chosen !== null && kinds.has(chosen)) return chosen;
  return (["train", "waveform", "slow"] as const).find((kind) => kinds.has(kind)) ?? "waveform";
}

/** The shot to show of its own accord: the newest that has ended. */
export function newest(shots: readonly Shot[]): Shot | null {
  return shots.find(({ ended }) => ended !== "") ?? shots[0] ?? null;
}
