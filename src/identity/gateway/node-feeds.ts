import { randomUUID } from "node:crypto";
import type { KeyFilter } from "#kubernetes";
import type { Clock, Counter, Labels, Telemetry, Timer } from "#telemetry";
import type { Directory } from "../directory.ts";
import { BY_NODE, type PodIndex } from "../pod-index.ts";
import type { PodRecord } from "../records.ts";
import { decodeRequest, encodeBatch } from "./feed-message.ts";
import { type FeedPosition, NodeFeed } from "./node-feed.ts";

/** Kubernetes' own limit is 5,000 nodes. */
const MAX_AGENTS = 20_000;
/** An agent that hears nothing for three times that long takes its gateway for dead. */
export const HEARTBEAT_MS = 15_000;
/** An agent that takes no message for so long is sent away. */
const STALLED_MS = 60_000;
/** A node's feed outlives its last agent for so long, so that one that comes back goes on where it was. */
const LINGER_MS = 300_000;

/** How the serving of one agent ended, unless it was the agent who left. */
export type ServingEnd =
  | { readonly kind: "left" }
  | { readonly kind: "bad request"; readonly message: string }
  /** It may only ask for `node`. */
  | { readonly kind: "another node"; readonly node: string }
  | { readonly kind: "too many agents" }
  | { readonly kind: "stalled" }
  | { readonly kind: "closing" };

export interface NodeFeedsSettings {
  readonly directory: Directory;
  /** Labels and annotations that agents are told. */
  readonly keys: KeyFilter;
  readonly telemetry: Telemetry;
  readonly labels?: Labels;
}

/** Where an agent is listening. */
export interface AgentConnection {
  /** Sends a message; resolves with false where the agent has gone, and with true when it takes another. */
  send(message: Uint8Array): Promise<boolean>;
  /** Aborts when the agent has gone, or the server closes. */
  readonly signal: AbortSignal;
}

/**
 * Serves agents the pods of their nodes, out of one directory: however many there are, the API server is watched once. Of
 * each node it keeps a feed while somebody follows it.
 */
export class NodeFeeds {
  readonly #settings: NodeFeedsSettings;
  readonly #clock: Clock;
  readonly #byNode: PodIndex;
  readonly #feeds = new Map<string, { readonly feed: NodeFeed; agents: number; linger: Timer | undefined }>();
  readonly #stopListening: () => void;
  readonly #lists: Counter;
  readonly #resumed: Counter;
  readonly #events: Counter;
  readonly #leftOut: Counter;
  #agents = 0;
  #closed = false;

  constructor(settings: NodeFeedsSettings) {
    this.#settings = settings;
    const { directory, telemetry, labels = {} } = settings;
    this.#clock = telemetry.clock;
    this.#byNode = directory.openIndex(BY_NODE);
    this.#stopListening = directory.changes.listen((record) => this.#changed(record));
    void directory.synced.then(() => {
      for (const { feed } of this.#feeds.values()) feed.touch();
    });
    const { metrics } = telemetry;
    const begun = { help: "Agents that began to follow their node, with a whole list or from where they were." };
    this.#lists = metrics.counter("podflame_identity_served_agents_begun", begun, { ...labels, from: "list" });
    this.#resumed = metrics.counter("podflame_identity_served_agents_begun", begun, { ...labels, from: "position" });
    this.#events = metrics.counter(
      "podflame_identity_served_events",
      { help: "Changes of pods and other objects told to agents." },
      labels,
    );
    this.#leftOut = metrics.counter(
      "podflame_identity_served_left_out",
      { help: "Changes of pods that agents weren't told of, for such a pod is larger than 2 MiB." },
      labels,
    );
    metrics.observe("podflame_identity_served_agents", { help: "Agents that follow their node here." }, labels, () =>
      this.#closed ? 0 : this.#agents,
    );
  }

  /** Agents being served. */
  get agents(): number {
    return this.#agents;
  }

  /**
   * Serves one agent until it leaves; never rejects unless `send` does. `request` is what it sent, `onlyNode` the one that
   * it may ask for; without that it may ask for any.
   */
  async serve(request: Uint8Array, agent: AgentConnection, onlyNode?: string): Promise<ServingEnd> {
    let wishes: ReturnType<typeof decodeRequest>;
    try {
      wishes = decodeRequest(request);
    } catch (error) {
      return { kind: "bad request", message: (error as Error).message };
    }
    if (onlyNode !== undefined && wishes.node !== onlyNode) return { kind: "another node", node: onlyNode };
    if (this.#agents >= MAX_AGENTS) return { kind: "too many agents" };
    const feed = this.#enter(wishes.node);
    try {
      const position = feed.resume(wishes.since);
      (position.phase === "listed" ? this.#resumed : this.#lists).add();
      return await this.#follow(feed, position, new Set(wishes.kinds), agent);
    } finally {
      this.#leave(wishes.node);
    }
  }

  /** Ends what the agents' own signals haven't ended: call when they have. */
  close(): void {
    this.#closed = true;
    this.#stopListening();
    this.#settings.directory.closeIndex(this.#byNode);
    for (const { linger } of this.#feeds.values()) linger?.cancel();
    this.#feeds.clear();
  }

  async #follow(
    feed: NodeFeed,
    beginning: FeedPosition,
    kinds: ReadonlySet<string>,
    agent: AgentConnection,
  ): Promise<ServingEnd> {
    let position = beginning;
    while (!agent.signal.aborted) {
      const step = feed.next(position, kinds, this.#settings.directory.isSynced);
      if (step === undefined && (await this.#change(feed, agent.signal))) continue;
      if (agent.signal.aborted) break;
      const sent = await this.#sendInTime(step?.message ?? HEARTBEAT, agent);
      if (sent !== true) return { kind: sent === false ? "left" : "stalled" };
      if (step === undefined) continue;
      ({ position } = step);
      this.#events.add(step.events);
      this.#leftOut.add(step.leftOut);
    }
    return { kind: "closing" };
  }

  /** Resolves with whether there was a change, at the latest when a sign of life is due. */
  #change(feed: NodeFeed, signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const settle = (isChange: boolean): void => {
        timer.cancel();
        stop();
        signal.removeEventListener("abort", aborted);
        resolve(isChange);
      };
      const aborted = (): void => settle(false);
      const timer = this.#clock.timer(HEARTBEAT_MS, () => settle(false));
      const stop = feed.listen(() => settle(true));
      signal.addEventListener("abort", aborted, { once: true });
    });
  }

  async #sendInTime(message: Uint8Array, agent: AgentConnection): Promise<boolean | "stalled"> {
    const { promise, resolve } = Promise.withResolvers<"stalled">();
    const timer = this.#clock.timer(STALLED_MS, () => resolve("stalled"));
    try {
      return await Promise.race([agent.send(message), promise]);
    } finally {
      timer.cancel();
    }
  }

  #enter(node: string): NodeFeed {
    this.#agents++;
    let entry = this.#feeds.get(node);
    if (entry === undefined) {
      const feed = new NodeFeed(node, randomUUID(), this.#settings.keys);
      for (const record of this.#byNode.holders(node)) feed.update(record);
      this.#feeds.set(node, (entry = { feed, agents: 0, linger: undefined }));
    }
    entry.agents++;
    entry.linger?.cancel();
    entry.linger = undefined;
    return entry.feed;
  }

  #leave(node: string): void {
    this.#agents--;
    const entry = this.#feeds.get(node);
    if (entry === undefined || --entry.agents > 0 || this.#closed) return;
    entry.linger = this.#clock.timer(LINGER_MS, () => this.#feeds.delete(node));
  }

  #changed(record: PodRecord): void {
    this.#feeds.get(record.pod.nodeName)?.feed.update(record);
  }
}

const HEARTBEAT = encodeBatch({ listing: false, listed: false, at: undefined }, []);
