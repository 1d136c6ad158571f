import { expect, test } from "vitest";

import type { Snapshot, StreamMessage } from "../bench/messages";
import { SILENCE_MAX_S, StreamClient, retryAfterS, type Socket, type StreamHandler } from "./client";
import type { RowBlock } from "./codec";
import { encodeRows, layoutOf } from "../testing/rows";

const LAYOUT = layoutOf(1, 0, 1);

class FakeSocket implements Socket {
  binaryType: BinaryType = "blob";
  onmessage: ((event: MessageEvent) => void) | null = null;
  onclose: ((event: CloseEvent) => void) | null = null;
  onerror: ((event: Event) => void) | null = null;
  closed = false;
  close(): void {
    this.closed = true;
  }
  says(data: unknown): void {
    this.onmessage?.({ data: data instanceof ArrayBuffer ? data : JSON.stringify(data) } as MessageEvent);
  }
  drops(): void {
    this.onclose?.({ code: 1006 } as CloseEvent);
  }
}

/** A client whose sockets and sleeps the test holds. */
class Scene implements StreamHandler {
  readonly urls: string[] = [];
  readonly sockets: FakeSocket[] = [];
  readonly sleeps: { seconds: number; wake: () => void }[] = [];
  readonly told: string[] = [];
  readonly client = new StreamClient("ws://panel/stream", this, {
    connect: (url) => {
      this.urls.push(url);
      this.sockets.push(new FakeSocket());
      return this.socket;
    },
    sleep: (seconds, signal) =>
      new Promise((resolve) => {
        if (!signal.aborted) this.sleeps.push({ seconds, wake: resolve });
        signal.addEventListener("abort", () => resolve());
      }),
    random: () => 0.5,
  });
  get socket(): FakeSocket {
    return this.sockets.at(-1) as FakeSocket;
  }
  onMessage(message: StreamMessage): void {
    this.told.push(message.type);
  }
  onRows(rows: RowBlock, live: boolean): void {
    this.told.push(`${live ? "live" : "back"} ${rows.firstSeq}+${rows.count}`);
  }
  onGap(frames: number): void {
    this.told.push(`gap ${frames}`);
  }
  onDown(why: string): void {
    this.told.push(`down: ${why}`);
  }
  rows(first: number, count: number): void {
    const rows = Array.from({ length: count }, (_, i) => ({ timeS: first + i, values: [0] }));
    this.socket.says(encodeRows(LAYOUT, first, rows));
  }
  async wake(seconds: number): Promise<void> {
    const at = this.sleeps.findLastIndex((sleep) => sleep.seconds === seconds);
    expect(at, `nobody sleeps ${seconds} s: ${this.sleeps.map((s) => s.seconds).join()}`).toBeGreaterThanOrEqual(0);
    this.sleeps.splice(at, 1)[0]?.wake();
    await settled();
  }
}

async function settled(): Promise<void> {
  for (let n = 0; n < 20; n++) await Promise.resolve();
}

function snapshot(stream: string, link: Snapshot["link"] = "connected"): Snapshot {
  const none = { hello: null, marks: [], alarms: [], events: [], finished: null };
  return { type: "snapshot", protocol: 1, stream, link, ...none, row: LAYOUT, head: 0 };
}

test("backfills, goes live, and resumes where it stopped", async () => {
  const scene = new Scene();
  void scene.client.run();
  expect(scene.urls).toEqual(["ws://panel/stream?backfill_s=600"]);
  scene.socket.says(snapshot("a b"));
  scene.rows(10, 3);
  scene.socket.says({ type: "live", seq: 13 });
  scene.rows(13, 1);
  scene.socket.drops();
  await settled();
  expect(scene.told).toEqual(["snapshot", "back 10+3", "live", "live 13+1", "down: the panel closed the stream (1006)"]);
  await scene.wake(0.25);
  expect(scene.urls[1]).toBe("ws://panel/stream?stream=a%20b&after=13");
  scene.client.stop();
});

test("counts what is missing", async () => {
  const scene = new Scene();
  void scene.client.run();
  scene.socket.says(snapshot("s"));
  scene.rows(0, 2);
  scene.rows(7, 1);
  expect(scene.told.slice(1)).toEqual(["back 0+2", "gap 5", "back 7+1"]);
  scene.client.stop();
});

test("another stream is another numbering: no gap, no resumption of the old one", async () => {
  const scene = new Scene();
  void scene.client.run();
  scene.socket.says(snapshot("old"));
  scene.rows(100, 1);
  scene.socket.drops();
  await settled();
  await scene.wake(0.25);
  scene.socket.says(snapshot("new"));
  scene.rows(3, 1);
  expect(scene.told.at(-1)).toBe("back 3+1");
  scene.client.stop();
});

test("asks less and less often, with a bound, and at once again after a success", async () => {
  const scene = new Scene();
  void scene.client.run();
  for (const seconds of [0.25, 0.5, 1, 2, 4, 4]) {
    scene.socket.onerror?.({} as Event);
    await settled();
    await scene.wake(seconds);
  }
  scene.socket.says(snapshot("s"));
  scene.socket.drops();
  await settled();
  await scene.wake(0.25);
  expect(scene.sockets.slice(0, -1).every(({ closed }) => closed)).toBe(true);
  scene.client.stop();
  expect([retryAfterS(0, 0), retryAfterS(0, 1), retryAfterS(99, 1)]).toEqual([0.1875, 0.3125, 5]);
});

test("a panel that accepts and says nothing is left", async () => {
  const scene = new Scene();
  void scene.client.run();
  await scene.wake(SILENCE_MAX_S);
  expect(scene.told).toEqual(["down: the stream went silent"]);
  scene.client.stop();
});

test("a panel without a core may be silent; a live one may not", async () => {
  const scene = new Scene();
  void scene.client.run();
  scene.socket.says(snapshot("s", "none"));
  await scene.wake(SILENCE_MAX_S); // something came in this period
  await scene.wake(SILENCE_MAX_S); // nothing came, and nothing had to
  expect(scene.told).toEqual(["snapshot"]);
  scene.socket.says({ type: "link", link: "connected" });
  await scene.wake(SILENCE_MAX_S);
  await scene.wake(SILENCE_MAX_S);
  expect(scene.told.at(-1)).toBe("down: the stream went silent");
  scene.client.stop();
});

test("what cannot be read is not shown, and everything is asked for again", async () => {
  const scene = new Scene();
  void scene.client.run();
  scene.socket.says(snapshot("s"));
  scene.rows(0, 1);
  scene.socket.says(new ArrayBuffer(3));
  await settled();
  expect(scene.told.at(-1)).toContain("cannot be read");
  await scene.wake(0.25);
  expect(scene.urls[1]).toContain("backfill_s");
  scene.client.stop();
});

test("a panel of another protocol is refused with what to do", async () => {
  const scene = new Scene();
  void scene.client.run();
  scene.socket.says({ ...snapshot("s"), protocol: 2 });
  await settled();
  expect(scene.told).toEqual(["down: the stream cannot be read: Error: protocol 2; this page speaks 1: reload it"]);
  scene.client.stop();
});
