/** What goes wrong with disks, clocks and other processes. */
import { randomBytes } from "node:crypto";
import { execFileSync, spawnSync } from "node:child_process";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parquetReadObjects } from "hyparquet";
import { compressors } from "hyparquet-compressors";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type EmbeddedStore, type EmbeddedStoreSettings, openEmbeddedStore } from "../../src/store/index.ts";
import { totalOf } from "../../src/store/testing/answers.ts";
import { requestOf } from "../../src/store/testing/requests.ts";
import { type Clock, systemClock, type Timer } from "../../src/telemetry/index.ts";

const HIT = 50_000_000;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** A whole hour. */
const START = Math.floor(Date.now() / HOUR) * HOUR - 3 * HOUR;
const ALL = { from: START - DAY, to: START + 4 * HOUR };

/** Stands still until a test moves it, and has no timers. */
class StillClock implements Clock {
  wall = START;
  monotonic = 0;

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return systemClock.sleep(delayMs, signal);
  }

  nowMs(): number {
    return this.wall;
  }

  monotonicMs(): number {
    return this.monotonic;
  }

  timer(): Timer {
    return { cancel: () => undefined };
  }

  advance(ms: number): void {
    this.wall += ms;
    this.monotonic += ms;
  }
}

let directory: string;
const opened: EmbeddedStore[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "podflame-faults-"));
});

afterEach(async () => {
  for (const store of opened.splice(0)) await store.close();
  await rm(directory, { recursive: true, force: true });
});

async function open(settings: Partial<EmbeddedStoreSettings> = {}): Promise<EmbeddedStore> {
  const store = await openEmbeddedStore({ directory, ...settings, limits: { minFreeBytes: 0, ...settings.limits } });
  opened.push(store);
  return store;
}

async function close(store: EmbeddedStore): Promise<void> {
  opened.splice(opened.indexOf(store), 1);
  await store.close();
}

/** Hits of distinct stacks in one minute. */
function hits(count: number, minute = 0, prefix = "work", at = START) {
  return requestOf({
    resource: { "container.id": "a".repeat(64), "service.name": "shop" },
    samples: Array.from({ length: count }, (_, hit) => ({
      stack: ["main", `${prefix}-${hit}`],
      time: at + minute * MINUTE + hit * 10,
    })),
  });
}

test("a second store on the same folder is refused, in this process and in another", async () => {
  await open();
  await expect(openEmbeddedStore({ directory })).rejects.toThrow(/in use by another process/);
  const code = `
    const { openEmbeddedStore } = await import(${JSON.stringify(join(import.meta.dirname, "../../src/store/index.ts"))});
    await openEmbeddedStore({ directory: ${JSON.stringify(directory)} });`;
  const other = spawnSync(process.execPath, ["--input-type=module", "--eval", code], { encoding: "utf8" });
  expect(other.status).not.toBe(0);
  expect(other.stderr).toMatch(/in use by another process/);
});

describe("a block with changed bytes", () => {
  test("is set aside and named, what is in others is still answered, and the gap is told", async () => {
    const first = await open();
    await first.append({ bytes: await hits(5, 1), receivedAt: START });
    await first.flush();
    await first.append({ bytes: await hits(7, 2), receivedAt: START });
    await first.flush();
    await close(first);
    const names = (await readdir(join(directory, "10s"))).filter((name) => name.includes("rows")).sort();
    for (const byte of [40, 60]) flip(join(directory, "10s", names[0]!), byte);
    const store = await open();
    await expect.poll(() => store.state().damaged.length).toBe(1);
    expect(await totalOf(store, ALL)).toBe(7 * HIT);
    const spans = await store.resolve([], ALL, "cpu");
    const { plan } = await store.sum({
      type: "cpu",
      range: ALL,
      spans: spans.map((span) => ({ ...span, group: 0 })),
      by: "stack",
    });
    expect(plan.gaps).toHaveLength(1);
    expect(await readdir(join(directory, "damaged"))).toContain(names[0]);
    await store.append({ bytes: await hits(1, 3), receivedAt: START });
    expect(await totalOf(store, ALL)).toBe(8 * HIT);
  });

  test("costs names where it is a file of names, but no values", async () => {
    const first = await open();
    await first.append({ bytes: await hits(5, 1), receivedAt: START });
    await close(first);
    const names = (await readdir(join(directory, "names"))).filter((name) => name.startsWith("texts"));
    flip(join(directory, "names", names[0]!), 30);
    const store = await open();
    expect(store.state().damaged).toHaveLength(1);
    expect(await totalOf(store, ALL)).toBe(5 * HIT);
  });
});

function flip(path: string, at: number): void {
  const bytes = readFileSync(path);
  bytes[at]! ^= 0xff;
  writeFileSync(path, bytes);
}

describe("the journal", () => {
  test("loses a torn end, and keeps what is before it", async () => {
    const first = await open();
    for (let minute = 0; minute < 3; minute++) await first.append({ bytes: await hits(2, minute), receivedAt: START });
    const path = join(directory, "journal", "journal-1.log");
    const written = readFileSync(path);
    await close(first);
    await rm(directory, { recursive: true });
    await mkdir(join(directory, "journal"), { recursive: true });
    writeFileSync(path, written.subarray(0, written.length - 5));
    const store = await open();
    expect(await totalOf(store, ALL)).toBe(4 * HIT);
    expect(store.state().lost.get("journal_torn_bytes")).toBeGreaterThan(0);
  });

  test("with a changed entry keeps the entries around it", async () => {
    const first = await open();
    for (let minute = 0; minute < 3; minute++) await first.append({ bytes: await hits(2, minute), receivedAt: START });
    const path = join(directory, "journal", "journal-1.log");
    const written = readFileSync(path);
    await close(first);
    await rm(directory, { recursive: true });
    await mkdir(join(directory, "journal"), { recursive: true });
    written[Math.floor(written.length / 2)]! ^= 1;
    writeFileSync(path, written);
    const store = await open();
    expect(await totalOf(store, ALL)).toBe(4 * HIT);
  });
});

const mounts = canMount();

describe.skipIf(!mounts)("a disk that is full", () => {
  afterEach(async () => {
    for (const store of opened.splice(0)) await store.close();
    execFileSync("umount", [directory]);
  });

  test("refuses requests for now, loses nothing, answers questions, and goes on when there is room", async () => {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=6m", "tmpfs", directory]);
    const store = await open();
    let kept = 0;
    let refusal: unknown;
    for (let round = 0; round < 400 && refusal === undefined; round++) {
      const bytes = await hits(400, round % 50, `round-${round}-with-a-long-name-that-fills-the-disk`);
      await store.append({ bytes, receivedAt: START }).then(
        ({ samples }) => (kept += samples),
        (error: unknown) => (refusal = error),
      );
      if (round === 5) await store.flush();
    }
    expect(refusal).toMatchObject({ name: "StoreError", kind: "unavailable" });
    expect(await totalOf(store, ALL)).toBe(kept * HIT);
    await expect(store.flush()).rejects.toMatchObject({ name: "StoreError", kind: "unavailable" });
    expect(await totalOf(store, ALL)).toBe(kept * HIT);
    execFileSync("mount", ["-o", "remount,size=60m", directory]);
    await store.flush();
    kept += (await store.append({ bytes: await hits(3, 1), receivedAt: START })).samples;
    expect(await totalOf(store, ALL)).toBe(kept * HIT);
    await close(store);
    const again = await open();
    expect(await totalOf(again, ALL)).toBe(kept * HIT);
    await close(again);
  });

  test("is noticed before it is full where room is to be kept", async () => {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=6m", "tmpfs", directory]);
    const store = await open({ limits: { minFreeBytes: 50e6 } });
    const refused = store.append({ bytes: await hits(1), receivedAt: START });
    await expect(refused).rejects.toMatchObject({ kind: "unavailable" });
    await close(store);
  });
});

function canMount(): boolean {
  const folder = tmpdir();
  const tried = spawnSync("unshare", ["-m", "mount", "-t", "tmpfs", "tmpfs", folder]);
  if (tried.status === 0) return true;
  if (process.env["PODFLAME_REQUIRE"] === "all") throw new Error("tmpfs can't be mounted here");
  process.stderr.write("SKIPPED: tests that need to mount a tmpfs\n");
  return false;
}

test("blocks are Parquet files in which another reader finds the same sums", async () => {
  const store = await open();
  for (let minute = 0; minute < 4; minute++) {
    await store.append({ bytes: await hits(300, minute), receivedAt: START });
    await store.flush();
  }
  await store.tidied();
  for (const [folder, step] of [
    ["10s", 10],
    ["60s", 60],
    ["5m", 300],
  ] as const) {
    const names = await readdir(join(directory, folder));
    for (const kind of ["rows", "activity", "totals"]) {
      let sum = 0n;
      let buckets = 0;
      for (const name of names.filter((one) => one.includes(kind))) {
        const bytes = readFileSync(join(directory, folder, name));
        const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
        for (const row of await parquetReadObjects({ file, compressors })) {
          sum += row["value"] as bigint;
          if (kind === "rows") buckets += Number(row["bucket"]) * step * 1000 >= START - MINUTE ? 1 : 0;
        }
      }
      expect(sum, `${folder} ${kind}`).toBe(1200n);
      if (kind === "rows") expect(buckets).toBeGreaterThan(0);
    }
  }
});

describe("a clock that jumps", () => {
  test("ahead by a year removes nothing", async () => {
    const clock = new StillClock();
    const store = await open({ clock });
    await store.append({ bytes: await hits(5), receivedAt: START });
    await store.flush();
    clock.wall += 365 * DAY;
    clock.monotonic += MINUTE;
    await store.tidied();
    expect(await totalOf(store, ALL)).toBe(5 * HIT);
    clock.wall = START - HOUR;
    await store.append({ bytes: await hits(5, 9), receivedAt: clock.wall });
    await store.flush();
    await store.tidied();
    expect(await totalOf(store, ALL)).toBe(10 * HIT);
  });

  test("of a sender has its samples refused and counted, those of others are kept", async () => {
    const store = await open();
    const { samples, rejected } = await store.append({
      bytes: await hits(5, 0, "work", START + 400 * DAY),
      receivedAt: START,
    });
    expect({ samples, rejected: [...rejected] }).toEqual({ samples: 0, rejected: [["in_the_future", 5]] });
    const old = await store.append({ bytes: await hits(2, 0, "work", START - 400 * DAY), receivedAt: START });
    expect([...old.rejected]).toEqual([["too_old", 2]]);
    expect(store.state().lost.get("too_old")).toBe(2);
  });
});

describe("retention", () => {
  test("removes single samples, then the fine tier, and keeps the sums of coarser ones; files really go", async () => {
    const clock = new StillClock();
    const store = await open({ clock });
    await store.append({ bytes: await hits(6), receivedAt: START });
    await store.flush();
    await store.tidied();
    const day = { from: START, to: START + HOUR };
    const files = async (tier: string): Promise<number> => (await readdir(join(directory, tier))).length;
    clock.advance(2 * HOUR);
    await store.tidied();
    expect({ fine: await files("10s"), minutes: await files("60s"), coarse: await files("5m") }).toEqual({
      fine: 4,
      minutes: 3,
      coarse: 3,
    });
    clock.advance(2 * DAY);
    await store.tidied();
    expect({ fine: await files("10s"), minutes: await files("60s") }).toEqual({ fine: 0, minutes: 3 });
    expect(await totalOf(store, day)).toBe(6 * HIT);
    clock.advance(13 * DAY);
    await store.tidied();
    expect({ minutes: await files("60s"), coarse: await files("5m") }).toEqual({ minutes: 0, coarse: 3 });
    expect(await totalOf(store, day)).toBe(6 * HIT);
    clock.advance(80 * DAY);
    await store.tidied();
    expect(await files("5m")).toBe(0);
    expect(await totalOf(store, day)).toBe(0);
  });

  test("by bytes removes the oldest blocks", async () => {
    const store = await open({ retention: { fineBytes: 1 } });
    await store.append({ bytes: await hits(6), receivedAt: START });
    await store.flush();
    await store.tidied();
    expect((await readdir(join(directory, "10s"))).length).toBe(0);
  });

  test("by bytes of all files frees the disk of what is oldest, tells how much, and answers from the rest", async () => {
    const filling = await open();
    // The limit can't be below what the journal may have, so that there have to be names of a megabyte.
    const names = Array.from({ length: 12_000 }, () => randomBytes(90).toString("base64"));
    const named = await requestOf({
      resource: { "container.id": "b".repeat(64) },
      samples: names.map((name) => ({ stack: [name], time: START })),
    });
    await filling.append({ bytes: named, receivedAt: START });
    for (let round = 0; round < 6; round++) {
      await filling.append({ bytes: await hits(3000, round * 5), receivedAt: START });
      await filling.flush();
    }
    await close(filling);
    const before = sizeOf(directory);
    const store = await open({ retention: { totalBytes: before - 20_000 }, limits: { journalBytes: 1e6 } });
    await store.tidied();
    const removed = store.state().removed?.get("total_bytes") ?? 0;
    expect(removed).toBeGreaterThan(0);
    const sizes = store.state().bytes;
    const sum = (kinds: readonly string[]): number => kinds.reduce((total, kind) => total + (sizes.get(kind) ?? 0), 0);
    const ofBlocks = sum(["disk.10s", "disk.60s", "disk.5m", "disk.events"]);
    expect(ofBlocks + sum(["disk.names", "disk.journal", "disk.catalogue"])).toBeLessThanOrEqual(before - 20_000);
    const onDisk = ["10s", "60s", "5m"].reduce((total, tier) => total + sizeOf(join(directory, tier)), 0);
    expect(onDisk).toBe(ofBlocks);
    const last = { from: START + 25 * MINUTE, to: START + HOUR };
    expect(await totalOf(store, last)).toBe(3000 * HIT);
  });
});

/** Bytes of all files in a folder. */
function sizeOf(folder: string): number {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries.reduce((sum, one) => sum + (one.isFile() ? statSync(join(one.parentPath, one.name)).size : 0), 0);
}

test("a query that is cancelled ends, and the next one is answered", async () => {
  const store = await open();
  await store.append({ bytes: await hits(3000), receivedAt: START });
  await store.flush();
  const spans = (await store.resolve([], ALL, "cpu")).map((span) => ({ ...span, group: 0 }));
  const cancel = new AbortController();
  const sum = store.sum({ type: "cpu", range: ALL, spans, by: "stack", signal: cancel.signal });
  cancel.abort();
  await expect(sum).rejects.toMatchObject({ name: "StoreError", kind: "cancelled" });
  expect(await totalOf(store, ALL)).toBe(3000 * HIT);
});
