import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Origin } from "#otlp";
import { queueStorages, SENT, Sender, type SendOutcome } from "#collector";
import { type RecordedPayload, testContext, type TestContext, testPayload } from "../../testing/context.ts";
import { lifecycleSuite } from "../../testing/lifecycle-suite.ts";
import { fileStorageConfig } from "./config.ts";
import { fileStorageExtensionFactory } from "./index.ts";

const NEVER = new AbortController().signal;
const QUEUE = {
  consumers: 1,
  capacity: 100,
  sizer: "requests" as const,
  blockOnOverflow: false,
  waitForResult: false,
  maxBytes: 1 << 20,
  storage: "file_storage",
};

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "podflame-queue-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

const shared = mkdtempSync(join(tmpdir(), "podflame-lifecycle-"));
afterAll(() => rmSync(shared, { recursive: true }));
lifecycleSuite(fileStorageExtensionFactory, [
  { name: "in a directory that exists", config: { directory: shared } },
  { name: "in a directory to be made", config: { directory: join(shared, "a", "b"), create_directory: true } },
]);

/** An exporter with a queue in `directory`, as after a start of the process. */
async function start(
  send: (sent: RecordedPayload) => SendOutcome | Promise<SendOutcome>,
  input: object = {},
  queue: object = {},
): Promise<{ sender: Sender; context: TestContext; sent: RecordedPayload[] }> {
  const context = testContext("otlp_grpc/kept");
  const read = fileStorageConfig.parse({ directory, ...input });
  if ("problems" in read) throw new Error(JSON.stringify(read.problems));
  const extension = fileStorageExtensionFactory.create(
    testContext("file_storage", { host: context.host, logger: context.logger }),
    read.config,
  );
  await extension.start();
  const sent: RecordedPayload[] = [];
  const settings = { timeoutMs: 5000, queue: { ...QUEUE, ...queue }, retry: undefined };
  const sender = new Sender(context, settings, async (payload, signal) => {
    const copy = { signal: payload.signal, bytes: payload.bytes.slice(), origin: payload.origin };
    const canceled = new Promise<SendOutcome>((resolve) =>
      signal.addEventListener("abort", () => resolve({ kind: "retryable", message: "canceled" })),
    );
    const outcome = await Promise.race([send(copy), canceled]);
    if (outcome.kind === "sent") sent.push(copy);
    return outcome;
  });
  await sender.start();
  return { sender, context, sent };
}

const origin: Origin = { protocol: "http", peerAddress: "10.1.2.3", userAgent: "sdk/1" };
const never = new Promise<never>(() => undefined);
const bytes = (value: number): Uint8Array => Uint8Array.of(0x1a, 0x01, value);

describe("a queue on disk", () => {
  test("sends after a restart what was not sent before it, in order, with where it came from", async () => {
    const first = await start(() => never);
    for (let value = 1; value <= 3; value++) await first.sender.consume(testPayload("logs", bytes(value), origin));
    await first.sender.shutdown(AbortSignal.abort());
    expect(first.context.metrics.value("otelcol_exporter_send_failed_log_records") ?? 0).toBe(0);

    const second = await start(() => SENT);
    await second.context.clock.advance(0);
    expect(second.sent).toEqual([1, 2, 3].map((value) => ({ signal: "logs", bytes: bytes(value), origin })));
    await second.sender.shutdown(NEVER);

    const third = await start(() => SENT);
    await third.context.clock.advance(0);
    expect(third.sent).toEqual([]);
    await third.sender.shutdown(NEVER);
  });

  test("loses nothing that it accepted when the process is killed", async () => {
    const script = fileURLToPath(new URL("testdata/queue-until-killed.ts", import.meta.url));
    const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", script, directory], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [said] = (await once(child.stdout, "data")) as [Buffer];
    expect(said.toString()).toBe("accepted 5\n");
    child.kill("SIGKILL");
    await once(child, "exit");

    const { sender, context, sent } = await start(() => SENT);
    await context.clock.advance(0);
    expect(sent.map((payload) => Buffer.from(payload.bytes).toString().slice(4))).toEqual(
      [1, 2, 3, 4, 5].map((number) => `request ${number}`),
    );
    expect(sent[0]!.origin).toEqual({ protocol: "grpc", peerAddress: "10.0.0.7", profilesDevelopmentVersion: "1" });
    expect(context.logger.messages("info")).toContain("sending what an earlier process left");
    await sender.shutdown(NEVER);
  });

  test("forgets what the receiving end will never take", async () => {
    const first = await start(() => ({ kind: "permanent", message: "no" }));
    await first.sender.consume(testPayload("logs", bytes(1), origin));
    await first.context.clock.advance(0);
    await first.sender.shutdown(NEVER);
    const second = await start(() => SENT);
    await second.context.clock.advance(0);
    expect(second.sent).toEqual([]);
    await second.sender.shutdown(NEVER);
  });

  test("is bounded, counting what an earlier process left", async () => {
    const first = await start(() => never, {}, { capacity: 2 });
    await first.sender.consume(testPayload("logs", bytes(1), origin));
    await first.sender.consume(testPayload("logs", bytes(2), origin));
    await first.sender.shutdown(AbortSignal.abort());
    const second = await start(() => never, {}, { capacity: 2 });
    await expect(second.sender.consume(testPayload("logs", bytes(3), origin))).rejects.toMatchObject({
      reason: "overload",
    });
    await second.sender.shutdown(AbortSignal.abort());
  });

  test("keeps in memory no more than max_bytes and reads the rest back", async () => {
    let open = (): void => undefined;
    const opened = new Promise<void>((resolve) => (open = resolve));
    const { sender, context, sent } = await start(
      async () => {
        await opened;
        return SENT;
      },
      {},
      { maxBytes: 1200 },
    );
    for (let value = 1; value <= 20; value++) await sender.consume(testPayload("logs", bytes(value), origin));
    expect(context.metrics.value("podflame_exporter_queue_bytes")).toBeLessThanOrEqual(1200);
    expect(context.metrics.value("otelcol_exporter_queue_size")).toBe(20);
    open();
    await expect.poll(() => sent.length).toBe(20);
    expect(sent.map((payload) => payload.bytes[2])).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
    expect(context.buffers.stats.leased).toBe(0);
    await sender.shutdown(NEVER);
  });

  test("is found again whatever spelling of the exporter's type the YAML uses, and is one file", async () => {
    const { sender } = await start(() => SENT);
    expect(readdirSync(directory).filter((name) => name.endsWith(".sqlite"))).toEqual([
      "exporter_otlp_grpc_kept.sqlite",
    ]);
    await sender.shutdown(NEVER);
  });

  test("gives the space of an outage back once it is empty", async () => {
    const { context } = await start(() => SENT);
    const store = await context.host
      .service(queueStorages, () => new Map())
      .get("file_storage")!
      .open("large");
    const large = testPayload("logs", new Uint8Array(1 << 20), origin);
    const keys = Array.from({ length: 24 }, () => store.append(large));
    for (const key of keys) store.remove(key);
    store.close();
    expect(statSync(join(directory, "large.sqlite")).size).toBeLessThan(1 << 20);
  });
});

describe("a directory or file that cannot be used", () => {
  test("a directory that is not there fails the start and says what to do", async () => {
    await expect(start(() => SENT, { directory: join(directory, "none") })).rejects.toThrow(
      /cannot use directory .*none; make it, or set create_directory: true/,
    );
  });

  test("a file in use by another process fails the start", async () => {
    const { sender, context } = await start(() => SENT);
    const storage = context.host.service(queueStorages, () => new Map()).get("file_storage")!;
    await expect(storage.open("exporter_otlp_grpc_kept")).rejects.toMatchObject({
      cause: expect.objectContaining({ message: "database is locked" }) as Error,
    });
    await sender.shutdown(NEVER);
  });

  test("a broken file fails the start, unless recreate sets it aside", async () => {
    writeFileSync(join(directory, "exporter_otlp_grpc_kept.sqlite"), "this is not a database".repeat(1000));
    await expect(start(() => SENT)).rejects.toThrow("cannot open");
    const { sender, context } = await start(() => SENT, { recreate: true });
    expect(context.logger.messages("error")).toEqual(["stored queue cannot be read, beginning a new one"]);
    expect(readdirSync(directory).some((name) => name.includes(".unreadable-"))).toBe(true);
    await sender.shutdown(NEVER);
  });

  test("a storage that nobody configured fails the exporter's start", async () => {
    const context = testContext("otlp_grpc");
    const settings = { timeoutMs: 1, queue: { ...QUEUE, storage: "file_storage/typo" }, retry: undefined };
    const sender = new Sender(context, settings, async () => SENT);
    await expect(sender.start()).rejects.toThrow("sending_queue::storage names file_storage/typo");
  });
});

describe("configuration of file_storage", () => {
  test.each([[null], [{}]])("has upstream's defaults in %j", (input) => {
    expect(fileStorageConfig.parse(input)).toEqual({
      config: {
        directory: "/var/lib/otelcol/file_storage",
        createDirectory: false,
        directoryMode: 0o750,
        lockTimeoutMs: 1000,
        fsync: false,
        recreate: false,
      },
    });
  });

  test("takes upstream's compaction keys, and names unknown ones", () => {
    const compaction = { on_start: true, on_rebound: true, directory: "/tmp", max_transaction_size: 65_536 };
    expect(fileStorageConfig.parse({ compaction })).toHaveProperty("config");
    expect(fileStorageConfig.parse({ fsink: true, directory_permissions: "rwx" })).toEqual({
      problems: [
        { path: ["directory_permissions"], message: 'expected permissions such as "0750", got "rwx"' },
        { path: ["fsink"], message: 'unknown key "fsink"; did you mean "fsync"?' },
      ],
    });
  });
});
