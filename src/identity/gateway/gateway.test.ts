import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { KeyFilter, MetadataObject, ObjectKind, PodObject } from "#kubernetes";
import { ManualClock, MetricRegistry } from "#telemetry";
import { RecordingLogger } from "../../collector/testing/context.ts";
import { RecordingSink } from "../../kubernetes/fixtures/recording-sink.ts";
import { Directory } from "../directory.ts";
import { containerOf, objectOf, ownerOf, podOf } from "../pod-fixtures.ts";
import { decodeBatch, decodeRequest, encodeBatch, encodeEvent, encodeRequest } from "./feed-message.ts";
import { followGateway, type GatewayConnection } from "./follow-gateway.ts";
import { NodeFeeds, type ServingEnd } from "./node-feeds.ts";

const ALL: KeyFilter = { label: () => true, annotation: () => true };
const NODE = "node-1";

let clock: ManualClock;
let metrics: MetricRegistry;
let logger: RecordingLogger;
let directory: Directory;
let feeds: NodeFeeds;
let stops: (() => Promise<void>)[];

beforeEach(() => {
  clock = new ManualClock();
  metrics = new MetricRegistry();
  logger = new RecordingLogger();
  directory = new Directory({ telemetry: { clock, metrics } });
  directory.follow(["Namespace", "ReplicaSet", "Deployment"]);
  feeds = new NodeFeeds({ directory, keys: ALL, telemetry: { clock, metrics, logger } });
  stops = [];
});

afterEach(async () => {
  for (const stop of stops) await stop();
  feeds.close();
  directory.close();
});

/** A way to the gateway that a test can cut, block and spoil. */
class Line implements GatewayConnection {
  requests = 0;
  readonly ends: ServingEnd[] = [];
  #cut: ((error: Error) => void) | undefined;
  /** Whether attempts fail before an answer. */
  isDown = false;
  /** Resolves when the agent takes a message; undefined: at once. */
  gate: Promise<void> | undefined;

  follow(request: Uint8Array, onMessage: (message: Uint8Array) => void, signal: AbortSignal): Promise<Error> {
    this.requests++;
    if (this.isDown) return Promise.resolve(new Error("no gateway"));
    const over = new AbortController();
    const { promise, resolve } = Promise.withResolvers<Error>();
    const end = (error: Error): void => {
      over.abort();
      resolve(error);
    };
    this.#cut = end;
    signal.addEventListener("abort", () => end(new Error("stopped")), { once: true });
    const send = async (message: Uint8Array): Promise<boolean> => {
      await this.gate;
      if (over.signal.aborted) return false;
      try {
        onMessage(message);
      } catch (error) {
        end(error as Error);
      }
      return !over.signal.aborted;
    };
    void feeds.serve(request, { send, signal: over.signal }).then((ended) => {
      this.ends.push(ended);
      end(new Error(`the gateway ended it: ${ended.kind}`));
    });
    return promise;
  }

  cut(error = new Error("cut")): void {
    this.#cut?.(error);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

class Agent {
  readonly line = new Line();
  readonly pods = new RecordingSink<PodObject>();
  readonly objects = new Map<ObjectKind, RecordingSink<MetadataObject>>();
  readonly source;

  constructor(kinds: readonly ObjectKind[] = [], keys = ALL, random: () => number = () => 0.5) {
    for (const kind of kinds) this.objects.set(kind, new RecordingSink());
    this.source = followGateway({
      connection: this.line,
      endpoint: "gateway:4319",
      node: NODE,
      wanted: { keys, objects: new Map(kinds.map((kind) => [kind, { keys }])) },
      sinks: { pods: this.pods, objects: (kind) => this.objects.get(kind)! },
      telemetry: { clock, metrics, logger },
      random,
    });
    stops.push(() => this.source.stop());
  }

  /** Names of what it knows. */
  names(kind?: ObjectKind): string[] {
    const { known } = kind === undefined ? this.pods : this.objects.get(kind)!;
    return [...known.values()].map(({ name }) => name).sort();
  }
}

const pod = (name: string, fields: Partial<PodObject> = {}): PodObject =>
  podOf({ uid: `${name}-uid`, name, namespace: "shop", nodeName: NODE, podIps: ["10.0.0.7"], ...fields });

/** The directory has heard all that there is. */
function synced(...pods: PodObject[]): void {
  directory.listing();
  for (const one of pods) directory.upsert(one);
  directory.listed();
}

describe("an agent", () => {
  test("is told the pods of its node, whole, and only those", async () => {
    const cart = pod("cart", {
      labels: new Map([["app", "cart"]]),
      containers: [containerOf({ containerId: "containerd://1" })],
      owners: [ownerOf("ReplicaSet", "cart-1")],
    });
    synced(cart, pod("elsewhere", { nodeName: "node-2" }), pod("nowhere", { nodeName: "" }));
    const agent = new Agent();
    await clock.advance(0);
    expect([...agent.pods.known.values()]).toEqual([cart]);
    expect(agent.pods.told).toEqual(["listing", "upsert cart", "listed"]);
    expect(agent.source.state()).toEqual({ from: "the gateway at gateway:4319", synced: true, lastError: undefined });
  });

  test("is told at once what changes, and what is gone", async () => {
    synced(pod("cart"));
    const agent = new Agent();
    await clock.advance(0);
    directory.upsert(pod("cart", { labels: new Map([["tier", "web"]]) }));
    directory.upsert(pod("till"));
    await clock.advance(0);
    expect([agent.names(), agent.pods.known.get("cart-uid")?.labels.get("tier")]).toEqual([["cart", "till"], "web"]);
    directory.remove(pod("cart"));
    await clock.advance(0);
    expect(agent.names()).toEqual(["till"]);
  });

  test("isn't told that its list is complete before the gateway's own is", async () => {
    directory.listing();
    directory.upsert(pod("cart"));
    const agent = new Agent(["Namespace"]);
    await clock.advance(0);
    expect([agent.names(), agent.source.state().synced]).toEqual([["cart"], false]);
    directory.listed();
    await clock.advance(0);
    expect(agent.pods.told.at(-1)).toBe("listed");
    expect(agent.objects.get("Namespace")!.told).toEqual(["listing", "listed"]);
  });

  test("is told what its pods belong to, before them, and when that is of no more use", async () => {
    const owned = pod("cart", { owners: [ownerOf("ReplicaSet", "cart-1")] });
    const objects = directory.objects;
    objects.sink("Namespace").upsert(objectOf("Namespace", "shop"));
    objects.sink("Namespace").upsert(objectOf("Namespace", "other"));
    objects.sink("ReplicaSet").upsert(objectOf("ReplicaSet", "cart-1", { controller: ownerOf("Deployment", "cart") }));
    objects.sink("Deployment").upsert(objectOf("Deployment", "cart"));
    synced(owned, pod("till"));
    const agent = new Agent(["Namespace", "ReplicaSet", "Deployment"]);
    await clock.advance(0);
    expect([agent.names("Namespace"), agent.names("ReplicaSet"), agent.names("Deployment")]).toEqual([
      ["shop"],
      ["cart-1"],
      ["cart"],
    ]);
    objects.sink("Namespace").upsert(objectOf("Namespace", "shop", { labels: new Map([["team", "blue"]]) }));
    objects.sink("Deployment").upsert(objectOf("Deployment", "cart", { labels: new Map([["tier", "web"]]) }));
    directory.remove(owned);
    await clock.advance(0);
    const { known } = agent.objects.get("Namespace")!;
    expect([known.get("shop-uid")?.labels.get("team"), agent.names("ReplicaSet"), agent.names("Deployment")]).toEqual([
      "blue",
      [],
      [],
    ]);
  });

  test("is told nothing of kinds that it doesn't ask for, nor keeps labels that nobody wants", async () => {
    const keys: KeyFilter = { label: (key) => key === "app", annotation: () => false };
    directory.objects.sink("Namespace").upsert(objectOf("Namespace", "shop"));
    const labels = new Map([
      ["app", "cart"],
      ["tier", "web"],
    ]);
    synced(pod("cart", { labels, annotations: new Map([["note", "x"]]) }));
    const agent = new Agent([], keys);
    await clock.advance(0);
    const [found] = agent.pods.known.values();
    expect([[...found!.labels], found!.annotations.size]).toEqual([[["app", "cart"]], 0]);
  });

  test("that was cut off keeps what it knows, and is told what it missed and nothing else", async () => {
    synced(pod("cart"), pod("till"), pod("shelf"));
    const agent = new Agent();
    await clock.advance(0);
    agent.line.cut();
    directory.remove(pod("till"));
    directory.upsert(pod("cellar"));
    await clock.advance(0);
    expect([agent.names(), agent.source.state().lastError]).toEqual([["cart", "shelf", "till"], "cut"]);
    agent.pods.told.length = 0;
    await clock.advance(3_000);
    expect(agent.pods.told).toEqual(["remove till", "upsert cellar"]);
    expect(agent.source.state().lastError).toBeUndefined();
    expect(metrics.render()).toContain('podflame_identity_served_agents_begun_total{from="position"} 1');
  });

  test("is told everything anew by a gateway that was restarted", async () => {
    synced(pod("cart"), pod("till"));
    const agent = new Agent();
    await clock.advance(0);
    feeds.close();
    feeds = new NodeFeeds({ directory, keys: ALL, telemetry: { clock, metrics, logger } });
    directory.remove(pod("till"));
    agent.line.cut();
    await clock.advance(3_000);
    expect(agent.pods.told.slice(4)).toEqual(["listing", "upsert cart", "listed"]);
    expect(agent.names()).toEqual(["cart"]);
  });

  test("that was away for more goings than are remembered is told everything anew", async () => {
    const many = Array.from({ length: 1_200 }, (_, at) => pod(`job-${at}`));
    synced(pod("cart"), ...many);
    const agent = new Agent();
    await clock.advance(0);
    agent.line.cut();
    for (const one of many) directory.remove(one);
    await clock.advance(3_000);
    expect(agent.names()).toEqual(["cart"]);
    expect(agent.pods.told.filter((what) => what === "listing").length).toBe(2);
  });

  test("pauses longer and longer while there is no gateway, half a minute at most", async () => {
    synced(pod("cart"));
    const agent = new Agent([], ALL, () => 1);
    agent.line.isDown = true;
    await clock.advance(0);
    agent.line.cut();
    const attempts: number[] = [];
    let before = agent.line.requests;
    for (let second = 0; second < 180; second++) {
      await clock.advance(1_000);
      if (agent.line.requests > before) attempts.push(second + 1);
      before = agent.line.requests;
    }
    expect(attempts.map((at, index) => at - (attempts[index - 1] ?? 0)).slice(1)).toEqual([
      2, 4, 8, 16, 30, 30, 30, 30,
    ]);
    expect(logger.messages("warn")).toEqual([
      "the gateway of pods was lost, trying again",
      "the gateway of pods was lost, trying again",
    ]);
    agent.line.isDown = false;
    await clock.advance(30_000);
    expect(agent.names()).toEqual(["cart"]);
  });

  test("ends an answer that it can't read, and asks again from the beginning", async () => {
    const answers = [
      Buffer.from("nonsense"),
      Buffer.from('{"events":[{"pod":{}}]}'),
      Buffer.from('{"events":7}'),
      Buffer.from('{"events":[{"object":{"kind":"Secret"}}]}'),
    ];
    let asked = 0;
    const ended: string[] = [];
    const sink = new RecordingSink<PodObject>();
    const source = followGateway({
      connection: {
        follow(_request, onMessage): Promise<Error> {
          try {
            onMessage(answers[asked++ % answers.length]!);
          } catch (error) {
            ended.push((error as Error).name);
          }
          return Promise.resolve(new Error("over"));
        },
        close: () => Promise.resolve(),
      },
      endpoint: "gateway",
      node: NODE,
      wanted: { keys: ALL, objects: new Map() },
      sinks: { pods: sink, objects: () => new RecordingSink() },
      telemetry: { clock, metrics, logger },
    });
    await clock.advance(60_000);
    await source.stop();
    expect(ended.slice(0, 4)).toEqual(["SyntaxError", "JsonFormError", "JsonFormError", "JsonFormError"]);
    expect(sink.told).toEqual([]);
  });
});

describe("the gateway", () => {
  test("says that it is there while nothing happens", async () => {
    synced();
    const agent = new Agent();
    await clock.advance(0);
    let messages = 0;
    const { send } = { send: () => Promise.resolve((messages++, true)) };
    const leave = new AbortController();
    const request = encodeRequest({ node: NODE, kinds: [], since: undefined });
    const served = feeds.serve(request, { send, signal: leave.signal });
    await clock.advance(45_000);
    expect(messages).toBe(4);
    leave.abort();
    expect(await served).toEqual({ kind: "closing" });
    expect(agent.pods.told).toEqual(["listing", "listed"]);
  });

  test("tells a slow agent the last state only, holding nothing for it", async () => {
    synced(pod("cart"));
    const agent = new Agent();
    await clock.advance(0);
    const { promise, resolve } = Promise.withResolvers<void>();
    agent.line.gate = promise;
    for (let at = 0; at < 100; at++) {
      directory.upsert(pod("cart", { labels: new Map([["at", String(at)]]) }));
      await Promise.resolve();
    }
    resolve();
    await clock.advance(0);
    expect(agent.pods.known.get("cart-uid")?.labels.get("at")).toBe("99");
    expect(agent.pods.told.length).toBeLessThan(8);
  });

  test("sends away who takes nothing for a minute", async () => {
    synced(pod("cart"));
    const agent = new Agent();
    agent.line.gate = new Promise(() => undefined);
    // The first thing that it doesn't take is a sign of life.
    await clock.advance(75_000);
    expect(agent.line.ends).toEqual([{ kind: "stalled" }]);
    agent.line.gate = undefined;
  });

  test.each([
    ["nothing", Buffer.alloc(0), /JSON/],
    ["another version", Buffer.from('{"version":9,"node":"n","kinds":[]}'), /version 9 is not spoken here, but 1/],
    ["no node", Buffer.from('{"version":1,"node":"","kinds":[]}'), /names no node/],
    ["kinds that there are not", Buffer.from('{"version":1,"node":"n","kinds":["Secret"]}'), /no kind of object/],
  ])("answers a request of %s with what is wrong", async (_what, request, message) => {
    const end = await feeds.serve(request, { send: () => Promise.resolve(true), signal: new AbortController().signal });
    expect(end).toEqual({ kind: "bad request", message: expect.stringMatching(message) as string });
  });

  test("forgets a node five minutes after its last agent", async () => {
    synced(pod("cart"));
    const agent = new Agent();
    await clock.advance(0);
    await agent.source.stop();
    const later = new Agent();
    await clock.advance(0);
    await later.source.stop();
    expect(feeds.agents).toBe(0);
    await clock.advance(300_000);
    expect(clock.pending).toBe(0);
  });

  test("leaves out a pod that no message holds, which is counted, and tells of the others", async () => {
    const huge = pod("huge", { annotations: new Map([["x", "y".repeat(3 << 20)]]) });
    synced(huge, pod("cart"));
    const agent = new Agent();
    await clock.advance(0);
    expect([agent.names(), agent.source.state().synced]).toEqual([["cart"], true]);
    expect(metrics.render()).toContain("podflame_identity_served_left_out_total 1");
  });

  test("tells long lists in several messages", async () => {
    synced(...Array.from({ length: 500 }, (_, at) => pod(`pod-${at}`, { hostname: "h".repeat(2_000) })));
    const agent = new Agent();
    await clock.advance(0);
    expect(agent.pods.known.size).toBe(500);
    expect(agent.pods.told.filter((what) => what === "listing").length).toBe(1);
    expect(agent.pods.told.at(-1)).toBe("listed");
  });

  test("counts what it serves", async () => {
    synced(pod("cart"), pod("till"));
    const agents = [new Agent(), new Agent()];
    await clock.advance(0);
    expect(metrics.render()).toContain("podflame_identity_served_agents 2");
    expect(metrics.render()).toContain("podflame_identity_served_events_total 4");
    expect(agents.map((agent) => agent.names().length)).toEqual([2, 2]);
  });
});

test("whatever happens to pods and lines, agents end up knowing their node's pods", async () => {
  const names = ["a", "b", "c", "d"];
  const step = fc.oneof(
    fc.record({ do: fc.constant("upsert" as const), name: fc.constantFrom(...names), value: fc.nat(3) }),
    fc.record({ do: fc.constant("remove" as const), name: fc.constantFrom(...names) }),
    fc.record({ do: fc.constant("cut" as const) }),
    fc.record({ do: fc.constant("wait" as const) }),
    fc.record({ do: fc.constant("restart" as const) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      for (const name of names) directory.remove(pod(name));
      synced();
      const agent = new Agent();
      const expected = new Map<string, string>();
      for (const one of steps) {
        if (one.do === "upsert") {
          directory.upsert(pod(one.name, { hostname: String(one.value) }));
          expected.set(one.name, String(one.value));
        } else if (one.do === "remove") {
          directory.remove(pod(one.name));
          expected.delete(one.name);
        } else if (one.do === "cut") agent.line.cut();
        else if (one.do === "wait") await clock.advance(100);
        else {
          feeds.close();
          feeds = new NodeFeeds({ directory, keys: ALL, telemetry: { clock, metrics, logger } });
          agent.line.cut();
        }
      }
      await clock.advance(35_000);
      const known = [...agent.pods.known.values()].map(({ name, hostname }) => [name, hostname] as const);
      expect(new Map(known)).toEqual(expected);
      await agent.source.stop();
    }),
    { numRuns: 60 },
  );
});

test("messages are read as they were written, and bytes that are none are refused", () => {
  const event = encodeEvent({ kind: "pod", pod: pod("cart") });
  const whole = encodeBatch({ listing: true, listed: true, at: "x:1" }, [
    event,
    encodeEvent({ kind: "gone", key: "pod u" }),
  ]);
  expect(decodeBatch(whole)).toEqual({
    listing: true,
    listed: true,
    at: "x:1",
    events: [
      { kind: "pod", pod: pod("cart") },
      { kind: "gone", key: "pod u" },
    ],
  });
  const request = encodeRequest({ node: NODE, kinds: ["Namespace"], since: "x:1" });
  const answers = (read: (bytes: Uint8Array) => unknown, bytes: Uint8Array): boolean => {
    try {
      read(bytes);
      return true;
    } catch (error) {
      return error instanceof Error;
    }
  };
  for (const [read, bytes] of [
    [decodeBatch, whole],
    [decodeRequest, request],
  ] as const) {
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(255), (at, value) => {
        const changed = Uint8Array.from(bytes);
        changed[at] = value;
        return answers(read, changed) && answers(read, changed.subarray(0, at));
      }),
    );
  }
});
