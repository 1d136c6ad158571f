/** What the stream's client needs, from a browser. */

import type { Socket, Surroundings } from "./client";

export const browser: Surroundings = {
  connect: (url: string): Socket => new WebSocket(url),
  sleep: (seconds: number, signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, seconds * 1000);
      signal.addEventListener("abort", done);
    }),
  random: Math.random,
};

/** `api/v1/stream` beside this page, as a WebSocket address. */
export function streamUrl(page: Location): string {
  const url = new URL("api/v1/stream", page.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  url.search = url.hash = "";
  return url.href;
}
