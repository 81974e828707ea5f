/** Pods that come, live for two seconds and go, as a kubelet would report them, and telemetry of each from its first moment. */
import { createHash } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { Relay } from "../peers/relay.ts";
import type { Cluster } from "./cluster.ts";
import { NUMBER, type NameSink } from "./name-sink.ts";

/**
 * When something is sent: as soon as the pod's object exists, 20 ms before and after the kubelet has reported its
 * containers and address, in the midst of its life, and a second after its end.
 */
export const MOMENTS = ["created", "before status", "after status", "running", "deleted"] as const;
export type Moment = (typeof MOMENTS)[number];

/** What the resource has to say of its pod. */
export const IDENTIFIERS = ["container.id", "container.id and k8s.pod.uid", "k8s.pod.ip"] as const;
export type Identifier = (typeof IDENTIFIERS)[number];

export interface ShortLivesOptions {
  readonly perSecond: number;
  readonly seconds: number;
  /** From the creation of the object to its status. */
  readonly startMs: number;
  /** From the status to the deletion. */
  readonly lifeMs: number;
}

/** One of those that are sent to, and where it sends to. */
export interface Contender {
  readonly relay: Relay;
  readonly sink: NameSink;
}

/** A resource that was sent, and the name that it came with. */
export interface Outcome {
  readonly moment: Moment;
  readonly identifier: Identifier;
  readonly pod: string;
  /** By contender, in order; undefined for none. */
  readonly names: readonly (string | undefined)[];
}

/** The configuration of all contenders. The Collector knows container ids only if a container's attribute is extracted. */
export const K8S_ATTRIBUTES = {
  auth_type: "kubeConfig",
  wait_for_metadata: true,
  extract: { metadata: ["k8s.pod.name", "k8s.container.name"] },
  pod_association: [["container.id"], ["k8s.pod.uid"], ["k8s.pod.ip"]].map((names) => ({
    sources: names.map((name) => ({ from: "resource_attribute", name })),
  })),
};

const NAMESPACE = "short-lived";
/** Few more than pods at the same time, so that each passes from pod to pod every few seconds. */
const ADDRESSES = 100;
/** Around the status, where the Collector's answer changes. */
const BESIDE_STATUS_MS = 20;
const AFTER_END_MS = 1_000;

interface Life {
  readonly name: string;
  readonly uid: string;
  readonly containerId: string;
  readonly address: string;
}

interface Sent {
  readonly number: number;
  readonly moment: Moment;
  readonly identifier: Identifier;
  readonly pod: string;
}

/** Runs them; resolves when everything that was sent has been answered. */
export async function shortLives(
  cluster: Cluster,
  contenders: readonly Contender[],
  options: ShortLivesOptions,
): Promise<readonly Outcome[]> {
  await cluster.json("/api/v1/namespaces", { method: "POST", body: { metadata: { name: NAMESPACE } } });
  const sent: Sent[] = [];
  const answers: Promise<void>[] = [];
  const send = (moment: Moment, life: Life, timeMs = Date.now()): void => {
    for (const identifier of IDENTIFIERS) {
      // An address is the pod's own only from its status on.
      if (identifier === "k8s.pod.ip" && (moment === "created" || moment === "before status")) continue;
      const number = sent.push({ number: sent.length, moment, identifier, pod: life.name }) - 1;
      const json = request(number, attributesOf(identifier, life), timeMs);
      for (const { relay } of contenders) answers.push(relay.send("http/json", "logs", new Uint8Array(), json));
    }
  };
  const total = Math.round(options.perSecond * options.seconds);
  const beganMs = Date.now();
  const lives: Promise<void>[] = [];
  for (let index = 0; index < total; index++) {
    await delay(Math.max(0, beganMs + (index * 1_000) / options.perSecond - Date.now()));
    lives.push(live(cluster, index, options, send));
  }
  await Promise.all(lives);
  await Promise.all(answers);
  return sent.map(({ number, moment, identifier, pod }) => ({
    moment,
    identifier,
    pod,
    names: contenders.map(({ sink }) => sink.names.get(number)),
  }));
}

async function live(
  cluster: Cluster,
  index: number,
  { startMs, lifeMs }: ShortLivesOptions,
  send: (moment: Moment, life: Life, timeMs?: number) => void,
): Promise<void> {
  const path = `/api/v1/namespaces/${NAMESPACE}/pods`;
  const name = `life-${index}`;
  const containers = [{ name: "app", image: "example.test/app:1" }];
  const made = await cluster.json<{ readonly metadata: { readonly uid: string } }>(path, {
    method: "POST",
    body: { apiVersion: "v1", kind: "Pod", metadata: { name }, spec: { nodeName: "node-1", containers } },
  });
  const { uid } = made.metadata;
  const containerId = createHash("sha256").update(uid).digest("hex");
  const life = { name, uid, containerId, address: `10.9.0.${1 + (index % ADDRESSES)}` };
  send("created", life);
  await delay(startMs - BESIDE_STATUS_MS);
  send("before status", life);
  await delay(BESIDE_STATUS_MS);
  const status = runningStatus(life);
  await cluster.json(`${path}/${name}/status`, { method: "PUT", body: { ...made, status } });
  send("after status", life);
  await delay(lifeMs / 2);
  const recordedMs = Date.now();
  send("running", life);
  await delay(lifeMs / 2);
  await cluster.json(`${path}/${name}?gracePeriodSeconds=0`, { method: "DELETE" });
  await delay(AFTER_END_MS);
  // What comes late was recorded while the pod was there, however long this process had to wait for its turn.
  send("deleted", life, recordedMs);
}

function runningStatus({ address, containerId }: Life): object {
  const startTime = new Date().toISOString().replace(/\.\d+Z$/, "Z");
  const app = {
    name: "app",
    image: "example.test/app:1",
    imageID: `example.test/app@sha256:${"1".repeat(64)}`,
    containerID: `containerd://${containerId}`,
    ready: true,
    restartCount: 0,
    state: { running: { startedAt: startTime } },
    lastState: {},
  };
  return { phase: "Running", startTime, podIP: address, podIPs: [{ ip: address }], containerStatuses: [app] };
}

function attributesOf(identifier: Identifier, life: Life): Readonly<Record<string, string>> {
  switch (identifier) {
    case "container.id":
      return { "container.id": life.containerId };
    case "container.id and k8s.pod.uid":
      return { "container.id": life.containerId, "k8s.pod.uid": life.uid };
    case "k8s.pod.ip":
      return { "k8s.pod.ip": life.address };
  }
}

function request(number: number, attributes: Readonly<Record<string, string>>, timeMs: number): string {
  const values = Object.entries({ ...attributes, [NUMBER]: String(number) });
  return JSON.stringify({
    resourceLogs: [
      {
        resource: { attributes: values.map(([key, stringValue]) => ({ key, value: { stringValue } })) },
        scopeLogs: [{ logRecords: [{ timeUnixNano: `${timeMs}000000`, body: { stringValue: "line" } }] }],
      },
    ],
  });
}
