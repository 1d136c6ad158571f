/** Loads what was asked for last: waits until asking stops, and aborts what nobody wants any more. */

/** Asks come with every step of a zoom; one that rests for this long is answered. */
export const REST_MS = 120;

export type Outcome<Result> = { readonly result: Result } | { readonly error: unknown };

export class Loader<Key, Result> {
  private timer: ReturnType<typeof setTimeout> | null = null;
  private running: AbortController | null = null;

  /** `done` hears of every load that was not overtaken; `load` must give up when its signal says so. */
  constructor(
    private readonly load: (key: Key, signal: AbortSignal) => Promise<Result>,
    private readonly done: (key: Key, outcome: Outcome<Result>) => void,
  ) {}

  /** Load `key`, at once or after a rest. Whatever was asked before is forgotten. */
  ask(key: Key, atOnce = false): void {
    this.cancel();
    this.timer = setTimeout(() => void this.run(key), atOnce ? 0 : REST_MS);
  }

  cancel(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    this.running?.abort();
    this.running = null;
  }

  private async run(key: Key): Promise<void> {
    const running = new AbortController();
    this.running = running;
    let outcome: Outcome<Result>;
    try {
      outcome = { result: await this.load(key, running.signal) };
    } catch (error) {
      outcome = { error };
    }
    if (running.signal.aborted) return;
    this.running = null;
    this.done(key, outcome);
  }
}
