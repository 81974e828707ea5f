/**
 * Writes the requests of a cluster to standard output, each behind its length (4 bytes) and the time it came (8 bytes):
 * node bench/store/generate.ts '{"start": …, "intervals": …, "shape": {…}}'. A process of its own, so that the store's CPU
 * time is the store's.
 */
import { once } from "node:events";
import { ClusterLoad, type ClusterShape, INTERVAL_MS } from "./cluster-load.ts";

/** What to write. */
export interface GenerateJob {
  /** Milliseconds. */
  readonly start: number;
  readonly intervals: number;
  readonly shape: ClusterShape;
}

const { start, intervals, shape } = JSON.parse(process.argv[2]!) as GenerateJob;
const load = new ClusterLoad(shape);
process.stdout.on("error", () => process.exit(0));
for (let interval = 1; interval <= intervals; interval++) {
  for (const { receivedAt, bytes } of load.interval(start + interval * INTERVAL_MS)) {
    const header = Buffer.alloc(12);
    header.writeUInt32LE(bytes.length, 0);
    header.writeDoubleLE(receivedAt, 4);
    process.stdout.write(header);
    if (!process.stdout.write(bytes)) await once(process.stdout, "drain");
  }
}
