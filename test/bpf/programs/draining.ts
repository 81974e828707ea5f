/**
 * A process that samples until it is told to end, for tests of what happens to it. One line of JSON a second:
 * {records, counters}. With `drop` as argument it gives up its privileges once it samples, and tells what it kept.
 */
import { MetricRegistry, silentLogger, systemClock } from "#telemetry";
import { dropPrivileges } from "../../../src/profiler/sampler/privileges.ts";
import { Sampler } from "../../../src/profiler/sampler/sampler.ts";

const telemetry = { logger: silentLogger, metrics: new MetricRegistry(), clock: systemClock };
const sampler = Sampler.open({ frequencyHz: 499 }, telemetry);
sampler.start();
const kept = process.argv[2] === "drop" ? dropPrivileges() : undefined;
let records = 0;
setInterval(() => {
  records += sampler.drain(() => {});
  sampler.followCpus();
  process.stdout.write(`${JSON.stringify({ records, kept, counters: sampler.counters() })}\n`);
}, 50);
