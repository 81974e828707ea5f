import type { KeyFilter, MetadataObject, ObjectKind, PodObject } from "#kubernetes";
import type { Counter, Gauge, Telemetry } from "#telemetry";
import { keptTexts } from "../kept-texts.ts";
import type { Wanted } from "../object-needs.ts";
import type { PodSource, SourceSinks, SourceState } from "../pod-source.ts";
import { MIRROR_ANNOTATION } from "../records.ts";
import { decodeBatch, encodeRequest, type FeedBatch, keyOfObject, keyOfPod } from "./feed-message.ts";

/** A gateway that goes away is asked again after up to this, so that its agents don't come back together. */
const SPREAD_MS = 3_000;
const FIRST_BACK_OFF_MS = 1_000;
const MAX_BACK_OFF_MS = 30_000;
/** Pods and other objects that a gateway may tell of; a node has some hundred. */
const MAX_KNOWN = 20_000;

/** A way to a gateway. This module knows the messages; how they get there is its maker's. */
export interface GatewayConnection {
  /**
   * Sends a request and hands over each message of the answer; the bytes are valid during the call. Resolves, never rejects,
   * with why the answer ended, which it does when the gateway says so, is silent, or `signal` aborts, or `onMessage` throws.
   */
  follow(request: Uint8Array, onMessage: (message: Uint8Array) => void, signal: AbortSignal): Promise<Error>;
  close(): Promise<void>;
}

export interface GatewayFollowSettings {
  readonly connection: GatewayConnection;
  /** Where it leads, for people. */
  readonly endpoint: string;
  /** The node whose pods are wanted. */
  readonly node: string;
  readonly wanted: Wanted;
  readonly sinks: SourceSinks;
  readonly telemetry: Telemetry;
  /** From 0 up to 1; Math.random by default. */
  readonly random?: () => number;
}

/**
 * Follows the pods of one node as a gateway tells them, which watches them for all its agents: a whole list first, then what
 * changes. After an interruption it goes on from where it was, if the gateway still can; what was told stays meanwhile.
 * Never gives up. Owns the connection; starts at once.
 */
export function followGateway(settings: GatewayFollowSettings): PodSource {
  return new GatewayFollower(settings);
}

class GatewayFollower implements PodSource {
  readonly #settings: GatewayFollowSettings;
  readonly #stopping = new AbortController();
  readonly #ended: Promise<void>;
  readonly #up: Gauge;
  readonly #events: Counter;
  readonly #interruptions: Counter;
  readonly #pods = new Map<string, PodObject>();
  readonly #objects = new Map<string, MetadataObject>();
  #since: string | undefined;
  #synced = false;
  #lastError: string | undefined;
  /** Whether the present attempt was answered. */
  #heard = false;

  constructor(settings: GatewayFollowSettings) {
    this.#settings = settings;
    const { metrics } = settings.telemetry;
    this.#up = metrics.gauge("podflame_identity_gateway_up", {
      help: "1 while the gateway tells of the node's pods, else 0.",
    });
    this.#events = metrics.counter("podflame_identity_gateway_events", {
      help: "Changes of pods and other objects that the gateway told.",
    });
    this.#interruptions = metrics.counter("podflame_identity_gateway_interruptions", {
      help: "Attempts to follow the gateway that ended.",
    });
    this.#ended = this.#run();
  }

  state(): SourceState {
    const { endpoint } = this.#settings;
    return { from: `the gateway at ${endpoint}`, synced: this.#synced, lastError: this.#lastError };
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error("the source is stopped"));
    await this.#ended;
    await this.#settings.connection.close();
  }

  async #run(): Promise<void> {
    const { connection, node, wanted, telemetry, random = Math.random } = this.#settings;
    const { signal } = this.#stopping;
    let failures = 0;
    while (!signal.aborted) {
      this.#heard = false;
      const request = encodeRequest({ node, kinds: [...wanted.objects.keys()], since: this.#since });
      const error = await connection.follow(request, (message) => this.#take(message), signal);
      this.#up.set(0);
      if (signal.aborted) break;
      this.#interrupted(error);
      failures = this.#heard ? 0 : failures + 1;
      const backOffMs = Math.min(MAX_BACK_OFF_MS, FIRST_BACK_OFF_MS * 2 ** Math.min(failures, 30));
      const delayMs = this.#heard ? random() * SPREAD_MS : backOffMs * (0.5 + 0.5 * random());
      // Rejects only when stopped, and then the loop ends.
      await telemetry.clock.sleep(delayMs, signal).catch(() => undefined);
    }
  }

  #interrupted(error: Error): void {
    this.#interruptions.add();
    const { logger } = this.#settings.telemetry;
    const { endpoint: gateway, node } = this.#settings;
    // The same again and again says nothing new.
    if (this.#lastError === error.message && !this.#heard) logger.debug("still no gateway", { gateway, error });
    else logger.warn("the gateway of pods was lost, trying again", { gateway, node, error });
    this.#lastError = error.message;
  }

  /** @throws Error for what isn't the gateway's to say, which ends the answer */
  #take(message: Uint8Array): void {
    const batch = decodeBatch(message);
    if (!this.#heard) {
      this.#heard = true;
      this.#lastError = undefined;
      this.#up.set(1);
    }
    const { sinks, wanted } = this.#settings;
    const kinds = [...wanted.objects.keys()];
    if (batch.listing) {
      this.#since = undefined;
      this.#pods.clear();
      this.#objects.clear();
      sinks.pods.listing();
      for (const kind of kinds) sinks.objects(kind).listing();
    }
    this.#apply(batch);
    if (batch.listed) {
      for (const kind of kinds) sinks.objects(kind).listed();
      sinks.pods.listed();
      this.#synced = true;
    }
    this.#since = batch.at ?? this.#since;
  }

  #apply({ events }: FeedBatch): void {
    this.#events.add(events.length);
    for (const event of events) {
      if (event.kind === "pod") this.#upsertPod(event.pod);
      else if (event.kind === "object") this.#upsertObject(event.object);
      else this.#remove(event.key);
    }
    if (this.#pods.size + this.#objects.size > MAX_KNOWN) {
      this.#since = undefined;
      throw new Error(`the gateway tells of more than ${MAX_KNOWN} pods and objects of one node`);
    }
  }

  #upsertPod(told: PodObject): void {
    const { node, wanted, sinks } = this.#settings;
    if (told.nodeName !== node) return;
    const pod = { ...told, ...keptOf(told, wanted.keys) };
    this.#pods.set(keyOfPod(pod), pod);
    sinks.pods.upsert(pod);
  }

  #upsertObject(told: MetadataObject): void {
    const need = this.#settings.wanted.objects.get(told.kind);
    if (need === undefined || (need.only !== undefined && need.only !== told.name)) return;
    const object = { ...told, ...keptOf(told, need.keys) };
    this.#objects.set(keyOfObject(object), object);
    this.#sinkOf(object.kind).upsert(object);
  }

  #remove(key: string): void {
    const [pod, object] = [this.#pods.get(key), this.#objects.get(key)];
    this.#pods.delete(key);
    this.#objects.delete(key);
    if (pod !== undefined) this.#settings.sinks.pods.remove(pod);
    if (object !== undefined) this.#sinkOf(object.kind).remove(object);
  }

  #sinkOf(kind: ObjectKind): ReturnType<SourceSinks["objects"]> {
    return this.#settings.sinks.objects(kind);
  }
}

function keptOf(
  { labels, annotations }: Pick<PodObject, "labels" | "annotations">,
  keys: KeyFilter,
): Pick<PodObject, "labels" | "annotations"> {
  return {
    labels: keptTexts(labels, (key) => keys.label(key)),
    annotations: keptTexts(annotations, (key) => keys.annotation(key) || key === MIRROR_ANNOTATION),
  };
}
