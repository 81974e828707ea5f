/**
 * Requests that wait for their pod, before a queue on disk: whatever was answered with success is delivered, under its
 * pod's name, also where the process is killed while others wait; and who waited then got no answer.
 */
import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { freePorts } from "../free-ports.ts";
import { Podflame } from "../cli/podflame.ts";
import { Cluster, whyNoCluster } from "./cluster.ts";
import { NameSink, NUMBER } from "./name-sink.ts";
import { TcpRelay } from "./tcp-relay.ts";

const missing = whyNoCluster();
if (missing !== undefined) {
  if (process.env["PODFLAME_REQUIRE"] === "all") throw new Error(`no API server to test against: ${missing}`);
  console.warn(`SKIPPED: no API server to test against: ${missing}`);
}

const PATIENCE = { timeout: 30_000 };
const REQUESTS = 20;

/** How a request ended: its status, or undefined where the connection broke. */
type Answer = number | undefined;

describe.skipIf(missing !== undefined)("a queue on disk behind requests that wait", () => {
  let cluster: Cluster;

  beforeAll(async () => {
    cluster = await Cluster.start();
  });
  afterAll(() => cluster[Symbol.asyncDispose]());

  /** A collector that can be killed and started again on the same files, and where it sends to, which is out of reach. */
  async function setUp(maxWait: string) {
    const sink = await NameSink.start();
    const line = await TcpRelay.start(Number(new URL(sink.endpoint).port));
    line.cut();
    const folder = await mkdtemp(join(tmpdir(), "podflame-queue-"));
    onTestFinished(async () => {
      await line[Symbol.asyncDispose]();
      await sink[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    });
    const [intake = 0, metrics = 0] = await freePorts(2);
    const config = {
      receivers: { otlp: { protocols: { http: { endpoint: `127.0.0.1:${intake}` } } } },
      processors: {
        k8s_attributes: {
          auth_type: "kubeConfig",
          kube_config_path: cluster.kubeconfig,
          wait_for_metadata: true,
          extract: { metadata: ["k8s.pod.name"] },
          pod_association: [{ sources: [{ from: "resource_attribute", name: "container.id" }] }],
          pending: { max_wait: maxWait },
        },
      },
      exporters: {
        otlp_http: {
          endpoint: `http://127.0.0.1:${line.port}`,
          sending_queue: { storage: "file_storage" },
          retry_on_failure: { initial_interval: "100ms", max_interval: "200ms", max_elapsed_time: "0s" },
        },
      },
      extensions: { file_storage: { directory: join(folder, "queue"), create_directory: true } },
      service: {
        extensions: ["file_storage"],
        telemetry: { metrics: { address: `127.0.0.1:${metrics}` } },
        pipelines: { logs: { receivers: ["otlp"], processors: ["k8s_attributes"], exporters: ["otlp_http"] } },
      },
    };
    const file = join(folder, "config.json");
    await writeFile(file, JSON.stringify(config));
    const scraped = async (): Promise<string> => (await fetch(`http://127.0.0.1:${metrics}/metrics`)).text();

    /** Starts it, and waits until it takes requests. */
    const start = async (): Promise<Podflame> => {
      const collector = new Podflame(["run", "--config", file]);
      await expect
        .poll(() => fetch(`http://127.0.0.1:${intake}`).then(String, () => undefined), PATIENCE)
        .toBeDefined();
      return collector;
    };
    let numbers = 0;
    /** Sends as many requests as there are, each with a number of its own, and tells how each ends. */
    const send = (containerId: string): { readonly numbers: number[]; readonly answers: Promise<Answer[]> } => {
      const own = Array.from({ length: REQUESTS }, () => numbers++);
      const answers = own.map((number) =>
        fetch(`http://127.0.0.1:${intake}/v1/logs`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: request(containerId, number),
        }).then(
          ({ status }): Answer => status,
          () => undefined,
        ),
      );
      return { numbers: own, answers: Promise.all(answers) };
    };
    /** Resolves when that many requests wait. */
    const waiting = (count: number): Promise<void> =>
      expect
        .poll(
          async () => /^podflame_identity_pending_requests\{.*\} (\d+)$/m.exec(await scraped().catch(() => ""))?.[1],
          PATIENCE,
        )
        .toBe(String(count));
    return { sink, line, start, send, waiting };
  }

  /** Makes a running pod whose one container has that id. */
  async function makePod(name: string, containerId: string): Promise<void> {
    const path = "/api/v1/namespaces/default/pods";
    const image = "example.test/app:1";
    const containers = [{ name: "app", image }];
    const made = await cluster.json<object>(path, {
      method: "POST",
      body: { apiVersion: "v1", kind: "Pod", metadata: { name }, spec: { nodeName: "node-1", containers } },
    });
    const status = {
      phase: "Running",
      containerStatuses: [
        { name: "app", image, imageID: "", ready: true, restartCount: 0, containerID: `containerd://${containerId}` },
      ],
    };
    await cluster.json(`${path}/${name}/status`, { method: "PUT", body: { ...made, status } });
  }

  const everyOne = (answer: Answer): Answer[] => Array.from({ length: REQUESTS }, () => answer);

  test("a killed process loses nothing that it had answered for, and had answered for nobody who waited", async () => {
    const { sink, line, start, send, waiting } = await setUp("30s");
    const [known, late, later] = [newId(), newId(), newId()];
    await makePod("known", known);
    const first = await start();
    const ofKnown = send(known);
    expect(await ofKnown.answers).toEqual(everyOne(200));
    const ofLate = send(late);
    await waiting(REQUESTS);
    await makePod("late", late);
    expect(await ofLate.answers).toEqual(everyOne(200));
    const ofLater = send(later);
    await waiting(REQUESTS);
    first.kill("SIGKILL");
    expect(await ofLater.answers).toEqual(everyOne(undefined));
    expect(sink.names.size).toBe(0);

    line.mend();
    await makePod("later", later);
    await start();
    // As a sender does that got no answer.
    const again = send(later);
    expect(await again.answers).toEqual(everyOne(200));
    await expect.poll(() => sink.names.size, PATIENCE).toBe(3 * REQUESTS);
    for (const [pod, { numbers }] of Object.entries({ known: ofKnown, late: ofLate, later: again })) {
      expect(numbers.map((number) => sink.names.get(number))).toEqual(numbers.map(() => pod));
    }
  });

  test("a process that is told to end lets those who wait have their time, answers them, and delivers them the next time", async () => {
    const { sink, line, start, send, waiting } = await setUp("2s");
    const first = await start();
    const waited = send(newId());
    await waiting(REQUESTS);
    first.kill("SIGTERM");
    expect(await waited.answers).toEqual(everyOne(200));
    expect((await first.ended).code).toBe(0);
    line.mend();
    await start();
    await expect.poll(() => [...sink.names.keys()].sort((a, b) => a - b), PATIENCE).toEqual(waited.numbers);
    expect([...sink.names.values()]).toEqual(waited.numbers.map(() => undefined));
  });
});

function newId(): string {
  return randomBytes(32).toString("hex");
}

function request(containerId: string, number: number): string {
  const attributes = { "container.id": containerId, [NUMBER]: String(number) };
  const resource = {
    attributes: Object.entries(attributes).map(([key, stringValue]) => ({ key, value: { stringValue } })),
  };
  return JSON.stringify({
    resourceLogs: [{ resource, scopeLogs: [{ logRecords: [{ body: { stringValue: "line" } }] }] }],
  });
}
