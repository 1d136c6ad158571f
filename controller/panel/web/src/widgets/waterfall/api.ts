/** Trains of pulses over HTTP: the twin of controller/panel/train_schemas.py. */

import { getJson } from "../../stream/http";

export interface Statistic {
  /** `peak`, `flat_top` or `width`. */
  readonly quantity: string;
  readonly unit: string;
  readonly count: number;
  readonly min: number | null;
  readonly mean: number | null;
  readonly max: number | null;
  readonly std: number | null;
}

/** Some pulses of a train, reduced to rows and columns whose cells have a smallest and a largest value. */
export interface Train {
  readonly channel: string;
  readonly title: string;
  readonly unit: string;
  readonly pulses: number;
  readonly planned: number;
  readonly samples: number;
  readonly from_s: number | null;
  readonly to_s: number | null;
  readonly duration_s: number;
  /** One more than there are rows: where each begins, counted from 1, and the end of the last. */
  readonly rows: readonly number[];
  readonly trigger_s: readonly number[];
  readonly t: readonly number[];
  /** Base64 of little-endian 16-bit counts; `value = count * scale + offset`. */
  readonly low: string;
  readonly high: string;
  readonly scale: number;
  readonly offset: number;
  readonly typical_low: readonly number[];
  readonly typical_high: readonly number[];
  readonly quiet: number;
  readonly worst: number | null;
  /** The most unusual pulse of every row. */
  readonly unusual: readonly number[];
  readonly missing: number;
  readonly missing_pulses: readonly number[];
  readonly statistics: readonly Statistic[];
}

/** Pulses `first` to `last`, in at most so many rows and points. */
export interface TrainView {
  readonly first: number;
  readonly last: number;
  readonly rows: number;
  readonly points: number;
}

/** A record is read from a disk, one at a time; a train of thousands of pulses takes a second to load. */
const DEADLINE_S = 30;

export async function train(shot: number, channel: string, view: TrainView, signal: AbortSignal): Promise<Train> {
  const query = new URLSearchParams(Object.entries(view).map(([name, value]) => [name, String(value)]));
  const path = `api/v1/shots/${shot}/trains/${encodeURIComponent(channel)}?${query.toString()}`;
  return getJson<Train>(path, DEADLINE_S, signal);
}
