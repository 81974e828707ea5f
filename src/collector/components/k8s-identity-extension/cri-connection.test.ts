import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as grpc from "@grpc/grpc-js";
import { expect, onTestFinished, test } from "vitest";
import { followCri, type PodObject } from "#kubernetes";
import { MetricRegistry, systemClock } from "#telemetry";
import { BufferPool, Writer } from "#wire";
import { RecordingSink } from "../../../kubernetes/fixtures/recording-sink.ts";
import { RecordingLogger } from "../../testing/context.ts";
import { CriSocket } from "./cri-connection.ts";

const SERVICE = "/runtime.v1.RuntimeService/";
const identity = (bytes: Buffer): Buffer => bytes;
const soon = { interval: 5 };

/** A runtime on a socket, served by grpc-js: the sandboxes of these pods, and, if it can, events. */
class Runtime {
  readonly socket: string;
  readonly pods = new Set<string>();
  readonly streams: grpc.ServerWritableStream<Buffer, Buffer>[] = [];
  lists = 0;
  readonly #server = new grpc.Server();

  constructor(hasEvents: boolean) {
    const folder = mkdtempSync(join(tmpdir(), "podflame-cri-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    this.socket = join(folder, "runtime.sock");
    this.#unary("ListContainers", () => Buffer.alloc(0));
    this.#unary("ListPodSandbox", () => this.#sandboxes());
    this.#unary("Version", () => Buffer.alloc(0));
    if (!hasEvents) return;
    this.#server.register(
      `${SERVICE}GetContainerEvents`,
      (call: grpc.ServerWritableStream<Buffer, Buffer>) => void this.streams.push(call),
      identity,
      identity,
      "serverStream",
    );
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve, reject) => {
      this.#server.bindAsync(`unix:${this.socket}`, grpc.ServerCredentials.createInsecure(), (error) =>
        error ? reject(error) : resolve(),
      );
    });
    onTestFinished(() => this.#server.forceShutdown());
    return this;
  }

  #unary(name: string, answer: () => Buffer): void {
    const handle = (_call: unknown, reply: grpc.sendUnaryData<Buffer>): void => reply(null, answer());
    this.#server.register(`${SERVICE}${name}`, handle, identity, identity, "unary");
  }

  #sandboxes(): Buffer {
    this.lists++;
    const writer = new Writer();
    for (const name of this.pods) {
      writer.open(1);
      writer.string(1, `${name}-box`);
      writer.open(2);
      writer.string(1, name);
      writer.string(2, `${name}-uid`);
      writer.close();
      writer.varint(3, 1);
      writer.close();
    }
    return Buffer.from(writer.finish());
  }
}

function follow(runtime: Runtime): {
  sink: RecordingSink<PodObject>;
  logger: RecordingLogger;
  metrics: MetricRegistry;
} {
  const [sink, logger, metrics] = [new RecordingSink<PodObject>(), new RecordingLogger(), new MetricRegistry()];
  const telemetry = { clock: systemClock, metrics, logger };
  const buffers = new BufferPool();
  const following = followCri({
    connection: new CriSocket([runtime.socket], { telemetry, buffers }),
    socket: runtime.socket,
    // Long enough that only events explain what is seen sooner.
    intervalMs: 600_000,
    nodeName: "node-1",
    keys: { label: () => true, annotation: () => true },
    sink,
    telemetry,
  });
  onTestFinished(async () => {
    await following.stop();
    expect(buffers.stats.leased).toBe(0);
  });
  return { sink, logger, metrics };
}

test("a pod is known as soon as its runtime tells of an event", async () => {
  const runtime = await new Runtime(true).start();
  const { sink, metrics } = follow(runtime);
  await sink.until(({ sizesListed }) => sizesListed.length > 0);
  await expect.poll(() => runtime.streams.length, soon).toBe(1);
  runtime.pods.add("cart");
  runtime.streams[0]!.write(Buffer.from([0x0a, 0x01, 0x61]));
  await sink.until(({ known }) => known.has("cart-uid"));
  runtime.pods.delete("cart");
  // What an event holds doesn't matter.
  runtime.streams[0]!.write(Buffer.from([0xff]));
  await sink.until(({ known }) => !known.has("cart-uid"));
  expect(metrics.value("podflame_k8s_cri_events")).toBe(2);
});

test("a stream that ends is followed anew, and what it may have missed is read", async () => {
  const runtime = await new Runtime(true).start();
  const { sink } = follow(runtime);
  await expect.poll(() => runtime.streams.length, soon).toBe(1);
  runtime.streams[0]!.write(Buffer.alloc(0));
  await sink.until(({ sizesListed }) => sizesListed.length > 1);
  runtime.pods.add("cart");
  runtime.streams[0]!.end();
  await sink.until(({ known }) => known.has("cart-uid"));
  await expect.poll(() => runtime.streams.length, soon).toBe(2);
});

test("a runtime without events is polled, and that is said once", async () => {
  const runtime = await new Runtime(false).start();
  const { sink, logger } = follow(runtime);
  await sink.until(({ sizesListed }) => sizesListed.length > 0);
  await expect
    .poll(() => logger.messages("info"), soon)
    .toEqual(["the container runtime has no stream of events: it is polled"]);
});
