import { svelte } from "@sveltejs/vite-plugin-svelte";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

/** Svelte's error texts name pages on the web; the built page names nothing outside itself. */
const noAddresses: Plugin = {
  name: "no-addresses",
  renderChunk: (code) => ({ code: code.replaceAll("https://svelte.dev/e/", "svelte: "), map: null }),
};

export default defineConfig({
  base: "./",
  plugins: [svelte(), noAddresses],
  build: {
    outDir: "../static",
    emptyOutDir: true,
    assetsDir: "assets",
    assetsInlineLimit: 0, // a data: URL needs more than `default-src 'self'` allows
    modulePreload: { polyfill: false },
    target: "es2022",
    sourcemap: false,
    // tests/benchmarks/bench_page.py builds bench.html instead; it is no part of the page.
    rolldownOptions: { input: process.env["SPARKGAP_PAGE"] ?? "index.html" },
  },
  server: { proxy: { "/api": { target: process.env["SPARKGAP_PANEL"] ?? "http://127.0.0.1:8000", ws: true } } },
  test: { include: ["src/**/*.spec.ts"], environment: "node" },
});
