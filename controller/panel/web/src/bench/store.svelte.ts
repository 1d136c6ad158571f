/** Skeleton: the reactive bench that the stream feeds; a widget sees only the interface in bench.ts. */

import type { Bench, Link, LoggedEvent, Mark, Reading } from "./bench";
import type { AlarmChanged, ChannelInfo, Finished, Hello, RigInfo, SourceInfo } from "./messages";

export class BenchStore implements Bench {
  link = $state<Link>("connecting");
  silent = $state(true);
  hello = $state.raw<Hello | null>(null);
  rig = $state.raw<RigInfo | null>(null);
  plcState = $state<string | null>(null);
  plcStale = $state(true);
  plcAgeS = $state(Infinity);
  step = $state(-1);
  marks = $state.raw<readonly Mark[]>([]);
  countdownS = $state<number | null>(null);
  alarms = $state.raw<readonly AlarmChanged[]>([]);
  events = $state.raw<readonly LoggedEvent[]>([]);
  finished = $state.raw<Finished | null>(null);
  timeS = $state(NaN);

  get channels(): readonly ChannelInfo[] {
    return this.hello?.channels ?? [];
  }

  get sources(): readonly SourceInfo[] {
    return this.hello?.sources ?? [];
  }

  reading(channel: string): Reading | null {
    const info = this.channels.find(({ name }) => name === channel);
    return info === undefined ? null : { channel: info, value: NaN, ageS: Infinity, stale: true };
  }

  point(name: string): boolean | null {
    void name;
    return null;
  }

  sourceAgeS(source: string): number {
    void source;
    return Infinity;
  }

  sourceStale(source: string): boolean {
    void source;
    return true;
  }
}
