import { describe, expect, test } from "vitest";
import { listPages, recording } from "../fixtures/recordings.ts";
import { RecordingSink } from "../fixtures/recording-sink.ts";
import {
  HELD,
  listSteps,
  PROTOBUF,
  ReflectorBench as Bench,
  turn,
  VERSION,
  watchStep,
} from "../fixtures/reflector-bench.ts";
import type { Reply } from "../fixtures/scripted-api-server.ts";
import type { PodObject } from "../objects.ts";

describe("listing", () => {
  test.each(["protobuf", "json"] as const)(
    "goes through all pages and then watches from their version (%s)",
    async (encoding) => {
      await using bench = await Bench.start([...listSteps(encoding), watchStep(HELD)]);
      await bench.reflection!.synced;
      expect(bench.sink.sizesListed).toEqual([25]);
      expect(bench.sink.told[0]).toBe("listing");
      expect(bench.sink.told.at(-1)).toBe("listed");
      await bench.server.whenAsked(4);
      const { asked } = bench.server;
      expect(asked[0]!.headers.accept).toBe("application/vnd.kubernetes.protobuf,application/json");
      expect(asked[0]!.headers["user-agent"]).toMatch(/^podflame\/\d/);
      expect(asked[3]!.query["resourceVersion"]).toBe(bench.state().resourceVersion);
      expect(Number(asked[3]!.query["timeoutSeconds"])).toBeGreaterThanOrEqual(300);
      expect(Number(asked[3]!.query["timeoutSeconds"])).toBeLessThanOrEqual(600);
      expect(bench.state()).toMatchObject({ phase: "watching", synced: true, objects: 25, lastError: undefined });
      expect(bench.metrics.value("podflame_k8s_requests", { verb: "list", code: "200" })).toBe(3);
      expect(bench.metrics.value("podflame_k8s_objects")).toBe(25);
    },
  );

  test("of one node's pods asks the server's cache, and passes the selection on", async () => {
    const selection = { namespace: "shop", fieldSelector: "spec.nodeName=node-1", labelSelector: "app=a,tier!=b" };
    const path = "/api/v1/namespaces/shop/pods";
    const { fieldSelector, labelSelector } = selection;
    const [, , last] = listPages("protobuf");
    await using bench = await Bench.start(
      [
        { expect: { path, query: { fieldSelector, labelSelector, [VERSION]: "0", limit: undefined } }, reply: last! },
        { expect: { path, query: { fieldSelector, labelSelector, watch: "1" } }, reply: HELD },
      ],
      { selection },
    );
    await bench.server.whenAsked(2);
    expect(bench.sink.sizesListed).toEqual([7]);
  });

  test("that is cut inside a pod begins again, and what came first is never taken for the whole", async () => {
    const [first, second, third] = listPages("protobuf");
    const cut = { ...second!, body: second!.body.subarray(0, 30_000), ending: "cut" as const };
    await using bench = await Bench.start([
      { reply: first! },
      { reply: cut },
      ...[first!, second!, third!].map((reply) => ({ reply })),
      watchStep(HELD),
    ]);
    await bench.untilAsked(6);
    expect(bench.sink.sizesListed).toEqual([25]);
    expect(bench.sink.told.filter((what) => what === "listing")).toHaveLength(2);
    expect(bench.metrics.value("podflame_k8s_errors")).toBe(1);
  });

  test("whose continue token expires begins again, without pages", async () => {
    const [first, second, third] = listPages("protobuf");
    await using bench = await Bench.start([
      { reply: first! },
      { reply: recording("expired-list-protobuf") },
      { expect: { query: { limit: undefined, continue: undefined } }, reply: first! },
      { reply: second! },
      { reply: third! },
      watchStep(HELD),
    ]);
    await bench.untilAsked(6);
    expect(bench.sink.sizesListed).toEqual([25]);
    expect(bench.metrics.value("podflame_k8s_relists")).toBe(1);
  });

  test("goes through pods that are broken, counting them", async () => {
    const [, , page] = listPages("json");
    const list = JSON.parse(page!.body.toString()) as { items: unknown[]; metadata: object };
    list.items.push({ metadata: { name: "no-uid" } }, { metadata: { uid: "u", labels: 7 } }, null);
    await using bench = await Bench.start([{ reply: { ...page!, body: JSON.stringify(list) } }, watchStep(HELD)]);
    await bench.reflection!.synced;
    expect(bench.sink.known.size).toBe(8);
    expect(bench.metrics.value("podflame_k8s_malformed_objects")).toBe(3);
  });

  test("that answers something else than Kubernetes is retried and told", async () => {
    await using bench = await Bench.start([
      { reply: { headers: { "content-type": "text/html" }, body: "<html>Sign in</html>" } },
      ...listSteps(),
      watchStep(HELD),
    ]);
    await bench.untilAsked(5);
    expect(bench.logged.join("")).toContain('the server answered \\"text/html\\" instead of Kubernetes');
    expect(bench.sink.sizesListed).toEqual([25]);
  });
});

describe("watching", () => {
  test("follows pods that come, change and go, and remembers the bookmark", async () => {
    const watch = recording("watch-protobuf");
    await using bench = await Bench.start([...listSteps(), watchStep({ ...watch, pieceBytes: 700, ending: "hold" })]);
    await bench.sink.until(({ told }) => told.filter((what) => what.startsWith("remove")).length === 2);
    expect(bench.sink.known.size).toBe(25);
    const changes = bench.sink.told.slice(bench.sink.told.indexOf("listed") + 1);
    expect(changes.map((what) => what.split(" ")[0])).toEqual(
      "upsert upsert upsert upsert remove upsert upsert remove".split(" "),
    );
    expect(bench.metrics.value("podflame_k8s_events", { resource: "pods", type: "added" })).toBe(2);
    expect(bench.state().objects).toBe(25);
  });

  test("goes on from the bookmark when the server ends the watch", async () => {
    const json = recording("watch-json");
    const bookmark = json.body.toString().trim().split("\n").at(-1)!;
    const version = (JSON.parse(bookmark) as { object: { metadata: { resourceVersion: string } } }).object.metadata;
    await using bench = await Bench.start([
      ...listSteps(),
      watchStep(json),
      watchStep(HELD, { resourceVersion: version.resourceVersion }),
    ]);
    await bench.untilAsked(5);
    expect(bench.sink.sizesListed, "no second list").toEqual([25]);
    expect(bench.state().lastError).toBeUndefined();
  });

  test("goes on from the last event after the connection broke inside one", async () => {
    const watch = recording("watch-json");
    const lines = watch.body.toString().split("\n");
    const first = JSON.parse(lines[0]!) as { object: { metadata: { resourceVersion: string } } };
    const body = `${lines[0]}\n${lines[1]!.slice(0, 1000)}`;
    await using bench = await Bench.start([
      ...listSteps(),
      watchStep({ ...watch, body, ending: "cut" }),
      watchStep(HELD, { resourceVersion: first.object.metadata.resourceVersion }),
    ]);
    await bench.untilAsked(5);
    expect(bench.sink.known.size).toBe(26);
    expect(bench.logged.join("")).toContain("watch failed, trying again");
  });

  test.each([
    ["an ERROR event as protobuf", recording("expired-watch-protobuf")],
    ["an ERROR event as JSON", recording("expired-watch-json")],
    ["the HTTP status", recording("expired-list-protobuf")],
  ])(
    "lists again when the version is gone by %s, and forgets nothing until the list is complete",
    async (_by, gone) => {
      const [first, second, third] = listPages("protobuf");
      const held: Reply = { ...second!, body: second!.body.subarray(0, 10_000), ending: "hold" };
      await using bench = await Bench.start([...listSteps(), watchStep(gone), { reply: first! }, { reply: held }]);
      await bench.untilAsked(6);
      // The new list hangs in its second page: everything is known still.
      expect(bench.sink.known.size).toBe(25);
      expect(bench.state()).toMatchObject({ phase: "listing", synced: true, objects: 25 });
      expect(bench.metrics.value("podflame_k8s_relists")).toBe(1);
      bench.server.script({ reply: third! }, watchStep(HELD));
      // The silence is noticed, and the list begun anew, which this time has the last page only.
      while (bench.state().phase === "listing") await bench.clock.advance(60_000);
      await bench.untilAsked(8);
      await bench.sink.until(({ sizesListed }) => sizesListed.length === 2);
      expect(bench.sink.sizesListed).toEqual([25, 7]);
    },
  );

  test("notices that a quiet connection is dead, by the bookmarks that don't come", async () => {
    await using bench = await Bench.start([...listSteps(), watchStep(HELD), watchStep(HELD)]);
    await bench.untilAnswered("watch", 1);
    await bench.clock.advance(179_000);
    expect(bench.server.asked).toHaveLength(4);
    while (bench.state().phase === "watching" && bench.server.asked.length === 4) await bench.clock.advance(1000);
    await bench.untilAsked(5);
    expect(bench.logged.join("")).toContain("watch of pods: nothing heard for 180 s");
  });
});

describe("refusals", () => {
  test("for want of rights are told once, with the remedy, and retried slowly until they end", async () => {
    const forbidden = { reply: recording("forbidden") };
    await using bench = await Bench.start([forbidden, forbidden, forbidden, ...listSteps(), watchStep(HELD)]);
    await bench.server.whenAsked(1);
    await bench.untilAsked(2, 1000);
    expect(bench.clock.nowMs() - Date.parse("2026-11-22T12:00:00Z")).toBeGreaterThanOrEqual(22_500);
    expect(bench.state()).toMatchObject({
      synced: false,
      lastError: { message: expect.stringContaining("403") as unknown as string },
    });
    await bench.untilAsked(7, 1000);
    await bench.reflection!.synced;
    const told = bench.logged.filter((line) => line.includes("may not list pods"));
    expect(told).toHaveLength(1);
    expect(told[0]).toContain("kubectl create clusterrole podflame-pods --verb=list,watch --resource=pods");
    expect(told[0]).toContain("--serviceaccount=default:collector");
    expect(bench.logged.at(-1)).toContain("the API server answers again");
    expect(bench.metrics.value("podflame_k8s_errors", { resource: "pods", reason: "403" })).toBe(3);
  });

  test("for load are obeyed: not before Retry-After", async () => {
    const busy = recording("too-many");
    await using bench = await Bench.start([
      { reply: { ...busy, headers: { ...busy.headers, "retry-after": "20" } } },
      ...listSteps(),
      watchStep(HELD),
    ]);
    while (bench.state().phase !== "waiting") await turn();
    await bench.clock.advance(19_500);
    expect(bench.server.asked).toHaveLength(1);
    await bench.untilAsked(5);
    expect(bench.metrics.value("podflame_k8s_requests", { verb: "list", code: "429" })).toBe(1);
  });

  test("of any kind never end it", async () => {
    const codes = [500, 503, 404, 418, 301].map((status) => ({ reply: { status } }));
    const odd: Reply[] = [
      { headers: PROTOBUF, body: "k8s\0\xff\xff\xff" },
      { headers: PROTOBUF, ending: "cut" },
      { headers: { "content-type": "application/json" }, body: '{"kind":"Status"}' },
    ];
    const steps = [...codes, ...odd.map((reply) => ({ reply })), ...listSteps(), watchStep(HELD)];
    await using bench = await Bench.start(steps);
    await bench.untilAsked(steps.length, 2000);
    expect(bench.sink.sizesListed).toEqual([25]);
  });
});

test("a sink that throws doesn't end the watch", async () => {
  const sink = new RecordingSink<PodObject>();
  let thrown = 0;
  const faulty = {
    listing: () => sink.listing(),
    upsert: (pod: PodObject) => {
      if (pod.name === "odd") throw new Error(`cannot take the ${++thrown}st`);
      sink.upsert(pod);
    },
    remove: (pod: PodObject) => sink.remove(pod),
    listed: () => sink.listed(),
  };
  await using bench = await Bench.start([...listSteps(), watchStep(HELD)], { sink: faulty });
  await bench.reflection!.synced;
  expect(sink.known.size).toBe(24);
  expect(bench.logged.join("")).toContain("this is a bug");
});

test("stopping ends a held watch, and nothing comes after it", async () => {
  await using bench = await Bench.start([...listSteps(), watchStep(HELD)]);
  await bench.server.whenAsked(4);
  await bench.reflection!.stop();
  expect(bench.state().phase).toBe("stopped");
  await bench.clock.advance(600_000);
  expect(bench.server.asked).toHaveLength(4);
  expect(bench.logged).toEqual([]);
});
