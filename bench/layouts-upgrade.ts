/**
 * What conversions between profiles layouts cost: node bench/layouts-upgrade.ts
 * The vectors of each layout with their resources repeated to 1.2 MB, from bytes to bytes: read, upgraded and written as
 * 1.10, and from 1.10 to each older layout. Prints CPU time of the fastest of many rounds; fails when the oldest layout takes longer
 * than its goal of 50 MB/s.
 */
import { LAYOUTS, type Layout, loadLayouts, ParseError, type ProfilesModel, readProfiles } from "#otlp";
import { repeated } from "./scaled-request.ts";

const ROUNDS = 15;
const GOAL_MB_PER_SECOND = 50;
const { upgradeProfiles, WRITABLE_LAYOUTS, writeProfiles } = await loadLayouts();

/** Microseconds of this thread's CPU in the fastest run of many, so that other processes hardly disturb. */
function fastest(run: () => void): number {
  let best = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    const start = process.threadCpuUsage();
    run();
    const { user, system } = process.threadCpuUsage(start);
    best = Math.min(best, user + system);
  }
  return best;
}

function read(bytes: Uint8Array, layout: Layout): ProfilesModel {
  const model = readProfiles(bytes, layout);
  if (model instanceof ParseError) throw new Error(model.message);
  return model;
}

function written(model: ProfilesModel, layout: (typeof WRITABLE_LAYOUTS)[number]): Uint8Array {
  const result = writeProfiles(model, layout);
  if (result instanceof ParseError) throw new Error(result.message);
  return result.bytes;
}

const shown = (micros: number): string => `${(micros / 1000).toFixed(1).padStart(5)} ms`;

console.log("to 1.10, 1.2 MB, from bytes to bytes");
let oldest = 0;
for (const layout of LAYOUTS) {
  const bytes = repeated(`${layout.toLowerCase()}/l1.protobuf-go.pb`);
  const model = read(bytes, layout);
  const newest = upgradeProfiles(model).model;
  const reading = fastest(() => read(bytes, layout));
  const upgrading = fastest(() => upgradeProfiles(model));
  const writing = fastest(() => written(newest, "D10"));
  const whole = fastest(() => written(upgradeProfiles(read(bytes, layout)).model, "D10"));
  const speed = bytes.length / whole;
  if (layout === "E") oldest = speed;
  console.log(
    `  ${layout.padEnd(4)} ${speed.toFixed(0).padStart(4)} MB/s, ${shown(whole)}: ` +
      `read ${shown(reading)}, upgrade ${shown(upgrading)}, write ${shown(writing)}`,
  );
}

console.log("from 1.10, 1.2 MB, from bytes to bytes");
const newest = repeated("d10/l1.protobuf-go.pb");
for (const layout of WRITABLE_LAYOUTS) {
  const whole = fastest(() => written(read(newest, "D10"), layout));
  console.log(`  ${layout.padEnd(4)} ${(newest.length / whole).toFixed(0).padStart(4)} MB/s, ${shown(whole)}`);
}

if (oldest < GOAL_MB_PER_SECOND) {
  console.log(`the oldest layout misses its goal of ${GOAL_MB_PER_SECOND} MB/s`);
  process.exitCode = 1;
}
