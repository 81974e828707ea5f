/**
 * Serves the API and, once built, the page over a made-up cluster, for whoever works on the page:
 *
 *     node src/query/testing/dev-server.ts [--port 4041]
 *
 * Samples keep coming, so that live views have something to show.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { createApi, serve } from "#query";
import { MemoryStore } from "#store";
import { DemoCluster } from "./demo-cluster.ts";

const LIVE_EVERY_MS = 5000;
const MINUTES = 60;

const { values } = parseArgs({ options: { port: { type: "string", default: "4041" } } });
const store = await MemoryStore.open();
const started = Date.now();
const cluster = new DemoCluster({ now: started, minutes: MINUTES });
await cluster.fill(store, started - MINUTES * 60_000, started);

const app = createApi({
  store,
  status: () => ({ version: "dev", mode: { kind: "live", reason: "", remedy: "" } }),
  assets: join(import.meta.dirname, "../../../dist/web"),
  onInternalError: (error, path) => process.stderr.write(`${path} ${String(error)}\n`),
});
const { url } = await serve(app, { host: "127.0.0.1", port: Number(values.port) });
process.stdout.write(`${url} after ${Date.now() - started} ms\n`);

let filledTo = started;
setInterval(() => {
  const now = Date.now();
  void cluster.fill(store, filledTo, now);
  filledTo = now;
}, LIVE_EVERY_MS);
