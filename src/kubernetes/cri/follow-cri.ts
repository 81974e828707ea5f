import type { Telemetry } from "#telemetry";
import { KeptKeys } from "../decoding/kept-keys.ts";
import { type KeyFilter, MIRROR_ANNOTATION, type PodObject, type ReflectorSink } from "../objects.ts";
import { PodPoller, type Polling } from "../polling/pod-poller.ts";
import {
  type CriImage,
  type CriNetwork,
  type CriSandbox,
  EMPTY_REQUEST,
  imageStatusRequest,
  readContainers,
  readImage,
  readNetwork,
  readRuntimeName,
  readSandboxes,
  sandboxStatusRequest,
} from "./cri-messages.ts";
import { CriEvents } from "./cri-events.ts";
import { imageKeyOf, podsOf } from "./cri-pods.ts";

/** A connection to a runtime's socket. This module knows the messages; how gRPC goes over a socket is its maker's. */
export interface CriConnection {
  /**
   * Makes a unary call and resolves with the reply's bytes, which are the caller's; rejects with what went wrong.
   * @param method full path, e.g. `/runtime.v1.RuntimeService/Version`
   */
  call(method: string, request: Uint8Array, signal: AbortSignal): Promise<Uint8Array>;
  /**
   * Makes a call that is answered by messages, and calls `onMessage` for each; the bytes are valid during the call. Resolves,
   * never rejects, with how the answer ended; its `code` is `grpc_` and the status, so `grpc_0` where it is whole, `grpc_12`
   * where the runtime doesn't know the method.
   */
  follow(
    method: string,
    request: Uint8Array,
    onMessage: (message: Uint8Array) => void,
    signal: AbortSignal,
    headers?: Readonly<Record<string, string>>,
  ): Promise<CriEnd>;
  close(): Promise<void>;
}

/** How a call ended that is answered by messages. */
export type CriEnd = Error & { readonly code?: string };

export interface CriFollowSettings {
  readonly connection: CriConnection;
  /** Where it leads, for people. */
  readonly socket: string;
  /** Between polls when nobody asks for more. */
  readonly intervalMs: number;
  /** The node's name in the cluster, which the runtime doesn't know; empty where nobody does. */
  readonly nodeName: string;
  /** Labels and annotations that the sink will look at. */
  readonly keys: KeyFilter;
  readonly sink: ReflectorSink<PodObject>;
  /** Hears, with each list, of the sandboxes of pods: containers that belong to a pod and that no status names. */
  readonly onSandboxes?: ((ids: readonly string[]) => void) | undefined;
  readonly telemetry: Telemetry;
}

/**
 * Follows the pods that a container runtime has, by the interface that the kubelet uses (CRI v1: containerd, CRI-O): it
 * works on a node that reaches neither an API server nor its kubelet. Polled, see `PodPoller`: at once when the runtime's
 * stream of events says that something changed, and every half a minute besides; where there is no such stream (containerd
 * before 1.7), at the interval. Owns the connection; starts at once.
 */
export function followCri(settings: CriFollowSettings): Polling {
  const { connection, socket, intervalMs, sink, telemetry } = settings;
  const reader = new CriReader(settings);
  const poller = new PodPoller({
    source: "cri",
    from: `the container runtime at ${socket}`,
    read: (signal) => reader.read(signal),
    sink,
    telemetry,
    intervalMs,
    toldIntervalMs: Math.max(intervalMs, TOLD_INTERVAL_MS),
  });
  const events = new CriEvents(connection, poller, telemetry);
  return {
    state: () => poller.state(),
    refresh: () => poller.refresh(),
    async stop() {
      await Promise.all([events.stop(), poller.stop()]);
      await connection.close();
    },
  };
}

/** Between polls while events come: what an event didn't tell isn't missed for long. */
const TOLD_INTERVAL_MS = 30_000;

class CriReader {
  readonly #connection: CriConnection;
  readonly #nodeName: string;
  readonly #keys: KeptKeys;
  readonly #onSandboxes: CriFollowSettings["onSandboxes"];
  #runtimeName = "";
  /** Of sandboxes whose addresses are settled. */
  #networks = new Map<string, CriNetwork>();
  #images = new Map<string, CriImage | undefined>();

  constructor({ connection, nodeName, keys, onSandboxes }: CriFollowSettings) {
    this.#connection = connection;
    this.#onSandboxes = onSandboxes;
    this.#nodeName = nodeName;
    this.#keys = new KeptKeys({
      label: (key) => keys.label(key),
      annotation: (key) => key === MIRROR_ANNOTATION || keys.annotation(key),
    });
  }

  async read(signal: AbortSignal): Promise<readonly PodObject[]> {
    const call = (method: string, request = EMPTY_REQUEST): Promise<Uint8Array> =>
      this.#connection.call(`/runtime.v1.${method}`, request, signal);
    // Containers first: one whose sandbox isn't listed would be nobody's.
    const containers = readContainers(await call("RuntimeService/ListContainers"));
    const sandboxes = readSandboxes(await call("RuntimeService/ListPodSandbox"));
    this.#onSandboxes?.(sandboxes.map(({ id }) => id));
    this.#runtimeName ||= readRuntimeName(await call("RuntimeService/Version"));
    await this.#learnNetworks(sandboxes, call);
    await this.#learnImages(new Set(containers.map(imageKeyOf)), call);
    // What was cut short above would take addresses away from pods.
    signal.throwIfAborted();
    return podsOf(
      {
        runtimeName: this.#runtimeName,
        sandboxes,
        containers,
        networks: this.#networks,
        images: this.#images,
        nodeName: this.#nodeName,
      },
      this.#keys,
    );
  }

  /** A sandbox keeps its addresses as long as it is ready, so each is asked for until it has some. */
  async #learnNetworks(sandboxes: readonly CriSandbox[], call: Call): Promise<void> {
    const networks = new Map<string, CriNetwork>();
    for (const { id, isReady } of sandboxes) {
      const known = this.#networks.get(id);
      if (known !== undefined) networks.set(id, known);
      else if (isReady) {
        // Gone since the list: it has no address any more.
        const reply = await call("RuntimeService/PodSandboxStatus", sandboxStatusRequest(id)).catch(() => undefined);
        if (reply === undefined) continue;
        const network = readNetwork(reply);
        if (network.isHosts || network.ips.length > 0) networks.set(id, network);
      }
    }
    this.#networks = networks;
  }

  async #learnImages(keys: ReadonlySet<string>, call: Call): Promise<void> {
    const images = new Map<string, CriImage | undefined>();
    for (const key of keys) {
      if (this.#images.has(key)) images.set(key, this.#images.get(key));
      else if (key !== "") {
        // Without it the image keeps the name that the container has.
        const reply = await call("ImageService/ImageStatus", imageStatusRequest(key)).catch(() => undefined);
        if (reply !== undefined) images.set(key, readImage(reply));
      }
    }
    this.#images = images;
  }
}

type Call = (method: string, request?: Uint8Array) => Promise<Uint8Array>;
