/** A real containerd as the only one who knows who is who: its pods are named without API server and kubelet. */
import { connect, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { CriSocket } from "../../src/collector/components/k8s-identity-extension/cri-connection.ts";
import { RecordingSink } from "../../src/kubernetes/fixtures/recording-sink.ts";
import { BufferPool } from "#wire";
import { followCri, type PodObject, type Polling } from "#kubernetes";
import { MetricRegistry, silentLogger, systemClock } from "#telemetry";
import { Containerd } from "./harness/containerd.ts";
import { canRunContainers } from "./harness/requirements.ts";

const IMAGE = "localhost/nap:1";

describe.skipIf(!canRunContainers())("the pods of a container runtime", () => {
  let containerd: Containerd;
  beforeAll(async () => {
    containerd = await Containerd.start();
    await containerd.importImage(IMAGE, {});
  });
  afterAll(() => containerd[Symbol.asyncDispose]());

  function followed(socket = containerd.socket): { sink: RecordingSink<PodObject>; polling: Polling } {
    const telemetry = { clock: systemClock, metrics: new MetricRegistry(), logger: silentLogger };
    const sink = new RecordingSink<PodObject>();
    const keys = { label: () => true, annotation: () => false };
    const connection = new CriSocket([socket], { telemetry, buffers: new BufferPool() });
    const polling = followCri({ connection, socket, intervalMs: 600_000, nodeName: "node-1", keys, sink, telemetry });
    onTestFinished(() => polling.stop());
    return { sink, polling };
  }

  test("have names, uids, containers and images", async () => {
    const pod = await containerd.runPod({ name: "cart", namespace: "shop" });
    const container = await pod.start({ name: "main", image: IMAGE, command: ["sleep", "1000"] });
    const { sink, polling } = followed();
    await sink.until(({ known }) => known.has(pod.uid));
    const found = sink.known.get(pod.uid)!;
    expect(found).toMatchObject({
      name: "cart",
      namespace: "shop",
      nodeName: "node-1",
      hostNetwork: true,
      containers: [{ name: "main", image: IMAGE, containerId: `containerd://${container.id}`, restartCount: 0 }],
    });
    expect(Math.abs(found.createdMs - Date.now())).toBeLessThan(60_000);
    expect(polling.state()).toEqual({
      from: `the container runtime at ${containerd.socket}`,
      synced: true,
      lastError: undefined,
    });
    await pod.remove();
  });

  test("are there a moment after somebody asked for one, and gone as the runtime forgets them", async () => {
    const { sink, polling } = followed();
    await sink.until(({ sizesListed }) => sizesListed.length === 1);
    const pod = await containerd.runPod({ name: "late" });
    const container = await pod.create({ name: "main", image: IMAGE, command: ["true"] });
    polling.refresh();
    await sink.until(({ known }) => known.has(pod.uid));
    // Made and not started: it can't have sent anything yet.
    expect(sink.known.get(pod.uid)!.containers[0]!.containerId).toBe(`containerd://${container.id}`);
    await pod.remove();
    polling.refresh();
    await sink.until(({ known }) => !known.has(pod.uid));
  });

  test("stay known while the socket is gone, which is told, and are followed again when it's back", async () => {
    const pod = await containerd.runPod({ name: "cart" });
    const relayed = join(containerd.folder, "relay.sock");
    const first = await SocketRelay.listen(relayed, containerd.socket);
    const { polling, sink } = followed(relayed);
    await sink.until(({ known }) => known.has(pod.uid));
    await first.close();
    polling.refresh();
    await expect
      .poll(() => polling.state().lastError, { interval: 5, timeout: 10_000 })
      .toMatch(/no container runtime/);
    expect(sink.known.has(pod.uid)).toBe(true);

    const second = await SocketRelay.listen(relayed, containerd.socket);
    onTestFinished(() => second.close());
    await pod.remove();
    await sink.until(({ known }) => !known.has(pod.uid));
    expect(polling.state().lastError).toBeUndefined();
  });
});

/** Another socket for the same server, that can go while the server stays. */
class SocketRelay {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(target: string) {
    this.#server = createServer((client) => {
      const server = connect(target);
      client.pipe(server).pipe(client);
      for (const socket of [client, server]) {
        this.#sockets.add(socket);
        socket.on("error", () => socket.destroy());
      }
    });
  }

  static async listen(path: string, target: string): Promise<SocketRelay> {
    const relay = new SocketRelay(target);
    await new Promise<void>((resolve) => relay.#server.listen(path, resolve));
    return relay;
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}
