/**
 * Serves the API and, once built, the page over a made-up cluster, for whoever works on the page:
 *
 *     node src/query/testing/dev-server.ts [--port 4041] [--still]
 *
 * Samples keep coming, so that live views have something to show. With `--still` none do, and the clock stands at
 * `DEMO_NOW`: every answer is the same each time.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { createApi, serve } from "#query";
import { MemoryStore } from "#store";
import { DEMO_MINUTES, DEMO_NOW } from "./demo-api.ts";
import { DemoCluster } from "./demo-cluster.ts";

const LIVE_EVERY_MS = 5000;

const options = { port: { type: "string", default: "4041" }, still: { type: "boolean", default: false } } as const;
const { values } = parseArgs({ options });
const store = await MemoryStore.open();
const started = values.still ? DEMO_NOW : Date.now();
const cluster = new DemoCluster({ now: started, minutes: DEMO_MINUTES });
await cluster.fill(store, started - DEMO_MINUTES * 60_000, started);

const app = createApi({
  store,
  status: () => ({ version: "dev", mode: { kind: "live", reason: "", remedy: "" } }),
  assets: join(import.meta.dirname, "../../../dist/web"),
  now: values.still ? () => DEMO_NOW : Date.now,
  onInternalError: (error, path) => process.stderr.write(`${path} ${String(error)}\n`),
});
const { url } = await serve(app, { host: "127.0.0.1", port: Number(values.port) });
process.stdout.write(`${url}\n`);

if (!values.still) {
  let filledTo = started;
  setInterval(() => {
    const now = Date.now();
    void cluster.fill(store, filledTo, now);
    filledTo = now;
  }, LIVE_EVERY_MS);
}
