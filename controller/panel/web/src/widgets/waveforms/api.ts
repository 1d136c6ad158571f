/** Recorded shots over HTTP: the twin of controller/panel/schemas.py, as far as this widget reads it. */

import { getJson } from "../../stream/http";
import type { Range } from "./range";

export interface Shot {
  readonly number: number;
  readonly shot_id: string;
  readonly kind: string;
  readonly profile: string;
  readonly load: string;
  readonly operator: string;
  readonly purpose: string;
  readonly started_utc: string;
  readonly verdict: string;
  /** Empty while it runs. */
  readonly ended: string;
  readonly reason: string;
}

export interface ShotChannel {
  readonly name: string;
  readonly title: string;
  readonly unit: string;
  readonly kind: "waveform" | "slow" | "train";
  readonly instrument: string;
  /** Of a train: those of one segment. */
  readonly samples: number;
  readonly segments: number;
  readonly reference: "t0" | "start";
  readonly from_s: number | null;
  readonly to_s: number | null;
  readonly calibration_overdue: boolean;
}

export interface Measurement {
  readonly name: string;
  readonly title: string;
  readonly channel: string;
  readonly value: number | null;
  readonly unit: string;
  readonly lower: number | null;
  readonly upper: number | null;
  readonly margin: number | null;
  readonly verdict: string;
  readonly u95: number | null;
  readonly reason: string;
}

export interface ShotFile {
  readonly role: string;
  readonly sha256: string;
  /** Empty when the panel does not serve it. */
  readonly url: string;
}

export interface ShotDetail extends Shot {
  readonly files: readonly ShotFile[];
  /** Why the record's part is missing, empty when it is there. */
  readonly problem: string;
  readonly channels: readonly ShotChannel[];
  readonly measurements: readonly Measurement[];
}

/** A stretch of a channel: `values` are samples; otherwise each of `t` stands for samples between `low` and `high`. */
export interface Waveform {
  readonly channel: string;
  readonly unit: string;
  readonly samples: number;
  readonly decimated: boolean;
  readonly t: readonly number[];
  readonly values: readonly number[] | null;
  readonly low: readonly number[] | null;
  readonly high: readonly number[] | null;
}

/** Shots in the list to choose from. */
const LISTED = 25;

/** A record is read from a disk, one at a time. */
const DEADLINE_S = 20;

/** The newest shots of a bench (of all benches while its name is not known). */
export async function recentShots(rig: string | null): Promise<readonly Shot[]> {
  const query = new URLSearchParams({ limit: String(LISTED), ...(rig === null ? {} : { rig }) });
  return (await getJson<{ shots: readonly Shot[] }>(`api/v1/shots?${query.toString()}`, DEADLINE_S)).shots;
}

export async function shotDetail(number: number): Promise<ShotDetail> {
  return getJson<ShotDetail>(`api/v1/shots/${number}`, DEADLINE_S);
}

export async function waveform(
  shot: number,
  channel: string,
  range: Range | null,
  points: number,
  signal: AbortSignal,
): Promise<Waveform> {
  const query = new URLSearchParams({ points: String(points) });
  if (range !== null) {
    query.set("from", String(range[0]));
    query.set("to", String(range[1]));
  }
  const path = `api/v1/shots/${shot}/waveforms/${encodeURIComponent(channel)}?${query.toString()}`;
  return getJson<Waveform>(path, DEADLINE_S, signal);
}

/** An address of the panel, relative to the page like every other. */
export function relative(url: string): string {
  return url.replace(/^\//, "");
}
