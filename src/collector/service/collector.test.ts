import { mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { ManualClock } from "#telemetry";
import { loadConfiguration } from "../config/load.ts";
import { RecordingLogger } from "../testing/context.ts";
import { FakeWorld } from "../testing/fake-components.ts";
import { Collector } from "./collector.ts";

function yaml(exporter: string): string {
  return `
receivers: {otlp: }
exporters: {${exporter}: }
service:
  telemetry: {metrics: {level: none}}
  pipelines: {traces: {receivers: [otlp], exporters: [${exporter}]}}
`;
}

interface Rig {
  readonly world: FakeWorld;
  readonly collector: Collector;
  readonly clock: ManualClock;
  readonly logger: RecordingLogger;
  /** The file that the configuration is read from. */
  readonly file: string;
}

async function rig(options: { watchFiles: boolean } = { watchFiles: false }): Promise<Rig> {
  const folder = await mkdtemp(join(tmpdir(), "podflame-collector-"));
  const file = join(folder, "config.yaml");
  await writeFile(file, yaml("debug"));
  const world = new FakeWorld();
  const clock = new ManualClock();
  const logger = new RecordingLogger();
  const collector = new Collector({
    load: () => loadConfiguration({ configs: [file] }, world.catalog),
    createLogger: () => logger,
    clock,
    shutdownDeadlineMs: 1000,
    onFatal: () => undefined,
    ...options,
  });
  onTestFinished(async () => {
    await collector.stop();
    await rm(folder, { recursive: true });
  });
  return { world, collector, clock, logger, file };
}

/** The log line that comes right before the wait. */
async function waitsToTryAgain(logger: RecordingLogger): Promise<void> {
  await expect.poll(() => logger.messages().at(-1)).toMatch(/^neither configuration can start/);
}

describe("a reload", () => {
  test("ends the old service before the new one starts", async () => {
    const { world, collector, file } = await rig();
    await collector.start();
    world.events.length = 0;
    await writeFile(file, yaml("debug/new"));
    await collector.reload("test");
    expect(world.events).toEqual([
      "shutdown receiver otlp",
      "shutdown exporter debug",
      "start exporter debug/new",
      "start receiver otlp",
    ]);
  });

  test("changes nothing when the new configuration is not valid, and names its problems", async () => {
    const { world, collector, logger, file } = await rig();
    await collector.start();
    const { service } = collector;
    world.events.length = 0;
    await writeFile(file, "receivers: {otlp: }\nservice: {pipelines: {traces: {receivers: [otlp]}}}\n");
    await collector.reload("test");
    expect(world.events).toEqual([]);
    expect(collector.service).toBe(service);
    expect(logger.lines.at(-1)).toMatchObject({
      level: "error",
      message: "the new configuration is not valid; going on with the old one",
      fields: { problems: [expect.stringContaining("config.yaml:2:23: service::pipelines::traces::exporters: must")] },
    });
  });

  test("goes back to the old configuration when the new one can't start", async () => {
    const { world, collector, logger, file } = await rig();
    await collector.start();
    world.failToStart.set("debug/new", new Error("port taken"));
    await writeFile(file, yaml("debug/new"));
    world.events.length = 0;
    await collector.reload("test");
    expect(world.events.slice(-2)).toEqual(["start exporter debug", "start receiver otlp"]);
    expect(logger.messages("error")).toEqual(["the new configuration is valid but can't start"]);
    expect(logger.messages().at(-1)).toBe("the old configuration runs again");
  });

  test("keeps trying both when neither can start, the new one first", async () => {
    const { world, collector, clock, logger, file } = await rig();
    await collector.start();
    world.failToStart.set("otlp", new Error("port taken"));
    await writeFile(file, yaml("debug/new"));
    const reloaded = collector.reload("test");
    await waitsToTryAgain(logger);
    await clock.advance(1000);
    await clock.advance(1999);
    expect(collector.service).toBeUndefined();
    world.failToStart.clear();
    await clock.advance(1);
    await reloaded;
    expect(collector.service).toBeDefined();
    expect(world.events.slice(-2)).toEqual(["start exporter debug/new", "start receiver otlp"]);
    expect(logger.messages().at(-1)).toBe("the new configuration is in effect");
  });

  test("that is still trying takes what the file holds when another reload is asked for", async () => {
    const { world, collector, logger, file } = await rig();
    await collector.start();
    world.failToStart.set("debug/new", new Error("no such folder"));
    world.failToStart.set("debug", new Error("port taken"));
    await writeFile(file, yaml("debug/new"));
    const reloaded = collector.reload("test");
    await waitsToTryAgain(logger);
    await writeFile(file, yaml("debug/mended"));
    await collector.reload("SIGHUP");
    await reloaded;
    expect(world.events.slice(-2)).toEqual(["start exporter debug/mended", "start receiver otlp"]);
    expect(world.events.filter((event) => event === "start exporter debug/mended")).toHaveLength(1);
  });

  test("that is still trying ends when the collector stops", async () => {
    const { world, collector, logger, file } = await rig();
    await collector.start();
    world.failToStart.set("otlp", new Error("port taken"));
    await writeFile(file, yaml("debug/new"));
    const reloaded = collector.reload("test");
    await waitsToTryAgain(logger);
    await collector.stop();
    await reloaded;
    expect(collector.service).toBeUndefined();
  });
});

describe("a watched file", () => {
  test("reloads when its content changes, once it has settled", async () => {
    const { world, collector, clock, file } = await rig({ watchFiles: true });
    await collector.start();
    await writeFile(file, yaml("debug/new"));
    await expect.poll(() => clock.pending).toBe(1);
    await clock.advance(500);
    await expect.poll(() => world.events).toContain("start exporter debug/new");
  });

  test("reloads when another file is put in its place, as Kubernetes does with ConfigMaps", async () => {
    const { world, collector, clock, file } = await rig({ watchFiles: true });
    await collector.start();
    const other = `${file}.other`;
    await writeFile(other, yaml("debug/new"));
    await symlink(other, `${file}.link`);
    await rename(`${file}.link`, file);
    await expect.poll(() => clock.pending).toBe(1);
    await clock.advance(500);
    await expect.poll(() => world.events).toContain("start exporter debug/new");
  });

  test("doesn't reload when only its neighbours change", async () => {
    const { world, collector, clock, file } = await rig({ watchFiles: true });
    await collector.start();
    await writeFile(`${file}.neighbour`, "x");
    await expect.poll(() => clock.pending).toBe(1);
    world.events.length = 0;
    await clock.advance(500);
    expect(world.events).toEqual([]);
  });
});

describe("stopping", () => {
  test("is possible before a start, and twice", async () => {
    const { collector } = await rig();
    await collector.stop();
    expect(await collector.stop()).toEqual({ unfinished: [], undelivered: 0, lostItems: 0 });
  });
});
