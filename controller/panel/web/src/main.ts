import { mount } from "svelte";

import App from "./App.svelte";
import type { RigInfo } from "./bench/messages";
import { BenchStore, DISPLAY_HZ, type Display } from "./bench/store.svelte";
import { browser, streamUrl } from "./stream/browser";
import { StreamClient } from "./stream/client";
import { getJson } from "./stream/http";
import "./theme.css";

const HIDDEN_S = 0.5;
/** A page that nobody looks at is not drawn; its title and announcements still follow. */

const display: Display = {
  now: () => performance.now() / 1000,
  wall: () => Date.now() / 1000,
  draw: (callback) => {
    if (document.hidden) setTimeout(callback, HIDDEN_S * 1000);
    else requestAnimationFrame(callback);
  },
};

const bench = new BenchStore(display);
const client = new StreamClient(streamUrl(location), bench, browser);

/** What never changes while a panel lives; a panel that is not there yet is asked again. */
async function loadRig(): Promise<void> {
  for (;;) {
    try {
      bench.rig = await getJson<RigInfo>("api/v1/rig");
      bench.simulated = (await getJson<{ simulated: boolean }>("api/v1/state")).simulated;
      return;
    } catch (error) {
      console.info("the rig is not known yet:", error);
      await browser.sleep(2, new AbortController().signal);
    }
  }
}

const target = document.getElementById("page");
if (target === null) throw new Error("index.html has no element #page");
mount(App, { target, props: { bench } });
setInterval(() => bench.tick(), 1000 / DISPLAY_HZ);
void client.run();
void loadRig();
