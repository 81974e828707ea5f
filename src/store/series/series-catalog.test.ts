import { DatabaseSync } from "node:sqlite";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Selector, StoreError } from "../profile-store.ts";
import { SeriesCatalog, type SeriesLimits } from "./index.ts";

const CPU = { sampleType: "samples", sampleUnit: "count", periodType: "cpu", periodUnit: "nanoseconds", period: 5e7 };
const ALWAYS = { from: 0, to: 1e9 };
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

interface Rig {
  readonly catalog: SeriesCatalog;
  readonly database: DatabaseSync;
  readonly cpu: number;
  /** Adds samples of a resource. */
  readonly add: (attributes: Readonly<Record<string, string>>, from?: number, to?: number) => number;
  readonly labels: (selector?: Selector, range?: { from: number; to: number }) => Readonly<Record<string, string>>[];
}

function rig(limits: Partial<SeriesLimits> = {}, database = new DatabaseSync(":memory:"), now = () => 0): Rig {
  const catalog = new SeriesCatalog(database, limits, now);
  const cpu = catalog.type(CPU).number;
  return {
    catalog,
    database,
    cpu,
    add(attributes, from = 1000, to = from) {
      const series = catalog.series(cpu, new Map(Object.entries(attributes)), from);
      catalog.seen(series, from, to);
      return series;
    },
    labels: (selector = [], range = ALWAYS) =>
      catalog.resolve(selector, range).map(({ labels }) => Object.fromEntries(labels)),
  };
}

function entry(
  kind: "container.id" | "k8s.pod.uid" | "k8s.pod.ip",
  value: string,
  attributes: Record<string, string>,
  validFrom = 0,
  validTo?: number,
) {
  return { key: { kind, value }, validFrom, validTo, attributes: new Map(Object.entries(attributes)) };
}

function refusal(work: () => unknown): StoreError {
  try {
    work();
  } catch (error) {
    if (error instanceof StoreError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

describe("a series", () => {
  test("is a container, whatever else its resources say", () => {
    const { add, catalog } = rig();
    const first = add({ "container.id": "abc", "process.pid": "1", "process.executable.name": "a" });
    expect(add({ "container.id": "abc", "process.pid": "2", "k8s.pod.name": "p", "host.name": "h" })).toBe(first);
    expect(add({ "container.id": "containerd://ABC" })).toBe(first);
    expect(add({ "container.id": "abd" })).not.toBe(first);
    expect(add({ "container.id": "abc", "k8s.cluster.name": "east" })).not.toBe(first);
    expect(catalog.size).toBe(3);
  });

  test("is told apart by its attributes where there is no container, but not by those of a process or a moment", () => {
    const { add } = rig();
    const first = add({ "host.name": "n1", "process.executable.name": "sshd", "process.pid": "7" });
    expect(add({ "process.pid": "8", "process.executable.name": "sshd", "host.name": "n1", "thread.id": "9" })).toBe(
      first,
    );
    expect(add({ "host.name": "n2", "process.executable.name": "sshd" })).not.toBe(first);
    // Tests of Go run from a folder of their own each time.
    const go = (path: string) => ({ "process.executable.name": "go.test", "process.executable.path": path });
    expect(add(go("/tmp/go-build1/go.test"))).toBe(add(go("/tmp/go-build2/go.test")));
    expect(add({ "process.executable.path": "/a" })).not.toBe(add({ "process.executable.path": "/b" }));
  });

  test("is another for each profile type", () => {
    const { catalog } = rig();
    const offCpu = catalog.type({ ...CPU, sampleType: "off_cpu", sampleUnit: "nanoseconds" }).number;
    const attributes = new Map([["container.id", "abc"]]);
    expect(catalog.series(1, attributes, 0)).not.toBe(catalog.series(offCpu, attributes, 0));
  });

  test("is in no answer before it was seen, and in none about times in which it wasn't", () => {
    const { catalog, cpu, labels } = rig();
    const series = catalog.series(cpu, new Map([["container.id", "abc"]]), 500);
    expect(labels()).toEqual([]);
    catalog.seen(series, 500, 900);
    expect(labels([], { from: 900, to: 901 })).toHaveLength(1);
    expect(labels([], { from: 901, to: 2000 })).toEqual([]);
    expect(labels([], { from: 0, to: 500 })).toEqual([]);
  });

  test("has labels of its attributes and the short ones that people ask for", () => {
    const { add, labels } = rig();
    add({
      "container.id": "0123456789abcdef",
      "k8s.cluster.name": "east",
      "k8s.namespace.name": "shop",
      "k8s.deployment.name": "cart",
      "k8s.pod.name": "cart-6d4cf56db6-x7k2p",
      "k8s.container.name": "server",
      "host.name": "n1",
    });
    expect(labels()).toEqual([
      {
        cluster: "east",
        namespace: "shop",
        workload_kind: "Deployment",
        workload_name: "cart",
        revision: "6d4cf56db6",
        pod: "cart-6d4cf56db6-x7k2p",
        container: "server",
        container_id: "0123456789abcdef",
        origin: "container",
        named: "true",
        host_name: "n1",
        k8s_cluster_name: "east",
        k8s_namespace_name: "shop",
        k8s_deployment_name: "cart",
        k8s_pod_name: "cart-6d4cf56db6-x7k2p",
        k8s_container_name: "server",
      },
    ]);
  });

  test("says where it comes from: container, host, kernel, or nobody knows", () => {
    const { add, labels } = rig();
    add({ "container.id": "0123456789abcdef" });
    add({ "process.executable.name": "sshd" });
    add({ "process.executable.name": "[kernel]" });
    add({ "host.name": "n1" });
    add({ "k8s.pod.uid": "u1" });
    expect(labels().map(({ origin, named, container }) => [origin, named, container])).toEqual([
      ["container", "false", "0123456789ab"],
      ["host", undefined, undefined],
      ["kernel", undefined, undefined],
      ["unattributed", undefined, undefined],
      ["container", "false", undefined],
    ]);
  });

  test("survives a restart with its number, and numbers are never used again", () => {
    const first = rig();
    const kept = first.add({ "container.id": "kept" }, 5 * DAY);
    const gone = first.add({ "container.id": "gone", "k8s.pod.name": "p" }, DAY);
    first.catalog.save();
    const second = rig({}, first.database);
    expect(second.add({ "container.id": "gone" }, DAY)).toBe(gone);
    expect(second.labels([{ name: "pod", op: "=", value: "p" }], { from: 0, to: 9 * DAY })).toHaveLength(1);
    second.catalog.forgetBefore(2 * DAY);
    second.catalog.save();
    const third = rig({}, first.database);
    expect(third.add({ "container.id": "kept" })).toBe(kept);
    expect(third.add({ "container.id": "new" })).toBeGreaterThan(Math.max(kept, gone));
    expect(third.catalog.types(ALWAYS)).toHaveLength(1);
  });
});

describe("identity", () => {
  const pod = (name: string): Record<string, string> => ({ "k8s.pod.name": name, "k8s.namespace.name": "shop" });

  test("that comes an hour late names what came before it", () => {
    const { add, catalog, labels } = rig();
    add({ "container.id": "abc" });
    expect(labels()).toMatchObject([{ named: "false" }]);
    catalog.identity.record([entry("container.id", "abc", pod("cart-1"), 1000 + HOUR)]);
    expect(labels()).toMatchObject([{ named: "true", pod: "cart-1" }]);
  });

  test("that a request carries names the samples of other requests of the container", () => {
    const { add, labels } = rig();
    add({ "container.id": "abc" }, 1000);
    add({ "container.id": "abc", ...pod("cart-1") }, 1000 + HOUR);
    add({ "container.id": "abc", "service.name": "cart" }, 2 * HOUR);
    expect(labels()).toMatchObject([{ pod: "cart-1", service_name: "cart" }]);
  });

  test("that changes splits a series where it changed", () => {
    const { add, catalog } = rig();
    add({ "container.id": "abc" }, 0, 5000);
    const team = (name: string): Record<string, string> => ({ ...pod("cart-1"), "k8s.pod.label.team": name });
    catalog.identity.record([entry("container.id", "abc", team("red"), 1000)]);
    catalog.identity.record([entry("container.id", "abc", team("blue"), 3000)]);
    const spans = catalog.resolve([], { from: 0, to: 6000 });
    expect(spans.map(({ from, to, labels }) => [from, to, labels.get("k8s_pod_label_team")])).toEqual([
      [0, 3000, "red"],
      [3000, 6000, "blue"],
    ]);
    expect(catalog.resolve([{ name: "k8s_pod_label_team", op: "=", value: "blue" }], { from: 0, to: 3000 })).toEqual(
      [],
    );
  });

  test("of a pod names its containers by the pod's uid", () => {
    const { add, catalog, labels } = rig();
    add({ "container.id": "abc" });
    catalog.identity.record([
      entry("k8s.pod.uid", "u1", { ...pod("cart-1"), "k8s.deployment.name": "cart" }),
      entry("container.id", "abc", { "k8s.pod.uid": "u1", "k8s.container.name": "server" }),
    ]);
    expect(labels()).toMatchObject([{ pod: "cart-1", container: "server", workload_name: "cart" }]);
  });

  test("of an address holds within its time only, and two pods with one address never mix", () => {
    const { add, catalog } = rig();
    add({ "k8s.pod.ip": "10.0.0.1" }, 0, 10_000);
    catalog.identity.record([
      entry("k8s.pod.ip", "10.0.0.1", { "k8s.pod.uid": "u1", "k8s.pod.name": "a" }, 1000, 5000),
      entry("k8s.pod.ip", "10.0.0.1", { "k8s.pod.uid": "u2", "k8s.pod.name": "b" }, 4000, 8000),
    ]);
    const spans = catalog.resolve([], { from: 0, to: 10_001 });
    expect(spans.map(({ from, to, labels }) => [from, to, labels.get("pod")])).toEqual([
      [0, 1000, undefined],
      [1000, 4000, "a"],
      [4000, 5000, undefined],
      [5000, 8000, "b"],
      [8000, 10_001, undefined],
    ]);
  });

  test("told by a watcher wins over what requests carry, except for the service's own name", () => {
    const { add, catalog, labels } = rig();
    add({ "container.id": "abc", "k8s.pod.name": "guessed", "service.name": "says-itself", "k8s.node.name": "n1" });
    catalog.identity.record([entry("container.id", "abc", { ...pod("known"), "service.name": "derived" }, 5000)]);
    expect(labels()).toMatchObject([{ pod: "known", service_name: "says-itself", k8s_node_name: "n1" }]);
  });

  test("is forgotten a day after the data that it names, and kept as long as a series has it", () => {
    let now = DAY;
    const { add, catalog, labels, database } = rig({}, undefined, () => now);
    add({ "container.id": "used" }, DAY, 9 * DAY);
    add({ "container.id": "gone" }, DAY);
    for (const id of ["used", "gone", "never"]) {
      catalog.identity.record([entry("container.id", id, { ...pod(id), "k8s.pod.uid": `uid-${id}` }, DAY)]);
      catalog.identity.record([entry("k8s.pod.uid", `uid-${id}`, { "k8s.node.name": "n1" }, DAY, DAY + 1)]);
    }
    catalog.save();
    now = 4 * DAY;
    const kinds = (): unknown[] =>
      database
        .prepare("SELECT value FROM identity WHERE kind = 'container.id' ORDER BY value")
        .all()
        .map((row) => row["value"]);
    catalog.forgetBefore(2 * DAY - 1);
    expect(kinds()).toEqual(["gone", "never", "used"]);
    catalog.forgetBefore(3 * DAY);
    expect(kinds()).toEqual(["used"]);
    expect(catalog.identity.entries).toBe(2);
    expect(labels([], { from: 0, to: 9 * DAY })).toMatchObject([{ pod: "used", k8s_node_name: "n1" }]);
  });

  test("survives a restart once it is saved", () => {
    const first = rig();
    first.add({ "container.id": "abc", "service.name": "cart" });
    first.catalog.identity.record([entry("container.id", "abc", pod("p"), 5, 9)]);
    first.catalog.save();
    const second = rig({}, first.database);
    expect(second.labels()).toMatchObject([{ pod: "p", service_name: "cart" }]);
  });

  test("equals a plain model, however late, doubled or shuffled it comes", () => {
    const told = fc.record({
      container: fc.constantFrom("a", "b"),
      from: fc.integer({ min: 0, max: 20 }),
      name: fc.constantFrom("x", "y", "z"),
      node: fc.option(fc.constantFrom("n1", "n2"), { nil: undefined }),
    });
    fc.assert(
      fc.property(
        fc.uniqueArray(told, { maxLength: 12, selector: ({ container, from }) => `${container} ${from}` }),
        fc.infiniteStream(fc.boolean()),
        (entries, saves) => {
          const { catalog, add } = rig();
          add({ "container.id": "a" }, 0, 30);
          add({ "container.id": "b" }, 0, 30);
          const half = entries.slice(0, entries.length / 2);
          for (const { container, from, name, node } of [...entries, ...half]) {
            const attributes = { "k8s.pod.name": name, ...(node === undefined ? {} : { "k8s.node.name": node }) };
            catalog.identity.record([entry("container.id", container, attributes, from)]);
            if (saves.next().value === true) catalog.save();
            catalog.resolve([], { from: 0, to: 30 });
          }
          for (const container of ["a", "b"]) {
            const sorted = entries.filter((each) => each.container === container).sort((x, y) => x.from - y.from);
            for (let time = 0; time < 30; time++) {
              const state = sorted.findLast(({ from }) => from <= time) ?? sorted[0];
              const [span, ...others] = catalog.resolve([{ name: "container_id", op: "=", value: container }], {
                from: time,
                to: time + 1,
              });
              expect(others).toEqual([]);
              expect([span!.labels.get("pod"), span!.labels.get("k8s_node_name")]).toEqual([state?.name, state?.node]);
            }
          }
        },
      ),
      { numRuns: 100 },
    );
  });
});

describe("profile types", () => {
  const type = (sampleType: string, sampleUnit: string, periodType = "", periodUnit = "", period = 0) => ({
    sampleType,
    sampleUnit,
    periodType,
    periodUnit,
    period,
  });

  test("that count hits of a sampler are what the hits stand for", () => {
    const { catalog } = rig();
    expect(catalog.type(CPU)).toMatchObject({ id: "cpu", unit: "nanoseconds", scale: 5e7 });
    expect(catalog.type({ ...CPU, period: 50, periodUnit: "milliseconds" })).toMatchObject({ id: "cpu", scale: 5e7 });
    expect(catalog.type({ ...CPU, measured: true })).toMatchObject({ id: "samples", unit: "count", scale: 1 });
    expect(catalog.type(type("samples", "count"))).toMatchObject({ id: "samples", unit: "count", scale: 1 });
  });

  test("of values are those values, in the unit's base", () => {
    const { catalog } = rig();
    expect(catalog.type(type("cpu", "nanoseconds", "cpu", "nanoseconds", 1e7))).toMatchObject({ id: "cpu", scale: 1 });
    expect(catalog.type(type("off_cpu", "milliseconds"))).toMatchObject({ id: "off_cpu", scale: 1e6 });
    const alloc = type("alloc_objects", "count", "space", "bytes", 524_288);
    expect(catalog.type(alloc)).toMatchObject({ id: "alloc_objects", unit: "count", scale: 1, aggregation: "sum" });
    expect(catalog.type(type("inuse_space", "bytes"))).toMatchObject({ unit: "bytes", aggregation: "mean" });
    expect(catalog.type(type("threadcreate", "count"))).toMatchObject({ aggregation: "last" });
  });

  test("of one name in two units are two", () => {
    const { catalog } = rig();
    expect(catalog.type(type("wall", "nanoseconds")).id).toBe("wall");
    expect(catalog.type(type("wall", "count")).id).toBe("wall_count");
  });

  test("are one for all periods, and tell the newest", () => {
    const { catalog, cpu } = rig();
    const other = catalog.type({ ...CPU, period: 1e7 });
    expect(catalog.typesOf("cpu").map(({ number, scale }) => [number, scale])).toEqual([
      [cpu, 5e7],
      [other.number, 1e7],
    ]);
    for (const [number, time] of [
      [cpu, 1000],
      [other.number, 2000],
    ] as const) {
      catalog.seen(catalog.series(number, new Map([["host.name", "n1"]]), time), time, time);
    }
    expect(catalog.types(ALWAYS)).toEqual([
      { id: "cpu", unit: "nanoseconds", aggregation: "sum", period: { type: "cpu", unit: "nanoseconds", value: 1e7 } },
    ]);
    expect(catalog.resolve([], ALWAYS, "cpu")).toHaveLength(2);
    expect(catalog.resolve([], ALWAYS, "off_cpu")).toEqual([]);
    expect(catalog.types({ from: 5000, to: 6000 })).toEqual([]);
  });

  test("have a limit that says what to do", () => {
    const { catalog } = rig();
    const error = refusal(() => {
      for (let period = 1; period < 2000; period++) catalog.type({ ...CPU, period });
    });
    expect([error.kind, error.message]).toEqual(["limit", expect.stringContaining("make senders use a fixed period")]);
  });
});

describe("a selector", () => {
  const shop = (name: string): Record<string, string> => ({ "service.name": name, "process.executable.name": name });

  test.each<[string, Selector, string[]]>([
    ["equal", [{ name: "service_name", op: "=", value: "cart" }], ["cart"]],
    ["unequal", [{ name: "service_name", op: "!=", value: "cart" }], ["cart-v2", "pay"]],
    ["a pattern, from end to end", [{ name: "service_name", op: "=~", value: "cart" }], ["cart"]],
    ["a pattern of more", [{ name: "service_name", op: "=~", value: "cart.*" }], ["cart", "cart-v2"]],
    ["a choice", [{ name: "service_name", op: "=~", value: "cart|pay" }], ["cart", "pay"]],
    ["no pattern", [{ name: "service_name", op: "!~", value: "cart.*" }], ["pay"]],
    ["a pattern whatever the case", [{ name: "service_name", op: "=~", value: "(?i)CART" }], ["cart"]],
    ["a label that is not there", [{ name: "nothing", op: "=", value: "" }], ["cart", "cart-v2", "pay"]],
    ["nothing for a label that is there", [{ name: "service_name", op: "=", value: "" }], []],
  ])("matches %s", (_, selector, expected) => {
    const { add, labels } = rig();
    for (const name of ["cart", "cart-v2", "pay"]) add(shop(name));
    expect(labels(selector).map(({ service_name: name }) => name)).toEqual(expected);
  });

  test("that can't be compiled is refused with the label's name", () => {
    const { catalog } = rig();
    const error = refusal(() => catalog.resolve([{ name: "pod", op: "=~", value: "a(" }], ALWAYS));
    expect([error.kind, error.message]).toEqual(["invalid", expect.stringContaining("label pod is not valid")]);
  });
});

describe("labels", () => {
  test("have names and values of what matches, values cut at the limit", () => {
    const { add, catalog } = rig();
    for (const name of ["b", "a", "c"]) add({ "service.name": name, "host.name": "n1" });
    expect(catalog.labelNames([], ALWAYS)).toEqual(["host_name", "origin", "service_name"]);
    expect(catalog.labelValues("service_name", [], ALWAYS, 2)).toEqual({ values: ["a", "b"], truncated: true });
    const selector: Selector = [{ name: "service_name", op: "!=", value: "a" }];
    expect(catalog.labelValues("service_name", selector, ALWAYS, 10)).toEqual({ values: ["b", "c"], truncated: false });
    expect(catalog.labelValues("none", [], ALWAYS, 10)).toEqual({ values: [], truncated: false });
  });
});

describe("limits", () => {
  test("refuse a new series with what to do, and let those that are known go on", () => {
    const { add, catalog } = rig({ series: 2 });
    const first = add({ "container.id": "a" });
    add({ "container.id": "b" });
    const error = refusal(() => add({ "container.id": "c" }));
    expect([error.kind, error.message]).toEqual(["limit", expect.stringContaining("raise limits::series")]);
    expect(add({ "container.id": "a" }, 90_000)).toBe(first);
    catalog.forgetBefore(50_000);
    add({ "container.id": "c" });
  });

  test("refuse a resource with too many attributes", () => {
    const { add } = rig({ labelsPerSeries: 3 });
    const error = refusal(() => add({ a: "1", b: "2", c: "3", d: "4" }));
    expect(error.message).toContain("4 attributes, 3 is the limit");
  });

  test("cut values that are too long", () => {
    const { add, labels } = rig({ labelValueLength: 5 });
    add({ note: "abcdefgh" });
    expect(labels()[0]!["note"]).toBe("abcd…");
  });

  test("hold against a million distinct values of an attribute", () => {
    const { catalog, cpu, add } = rig({ labelValues: 1000 });
    let refused = 0;
    let message = "";
    const { stackTraceLimit } = Error;
    // Stacks of a million errors are what would take time here.
    Error.stackTraceLimit = 0;
    for (let index = 0; index < 1_000_000; index++) {
      try {
        catalog.series(cpu, new Map([["request.id", String(index)]]), 0);
      } catch (error) {
        refused++;
        ({ message } = error as StoreError);
      }
    }
    Error.stackTraceLimit = stackTraceLimit;
    expect(catalog.size).toBe(1000);
    expect(refused).toBe(999_000);
    expect(message).toMatch(/^attribute request\.id has 1000 values already, so "999999" can't be kept; remove/);
    expect(add({ "request.id": "17" })).toBeGreaterThan(0);
  }, 60_000);

  test("let requests go on when the history of identity is full, and count it", () => {
    const { add, catalog, labels } = rig({ identityEntries: 1 });
    add({ "container.id": "a", "k8s.pod.name": "p" });
    add({ "container.id": "b", "k8s.pod.name": "q" });
    expect(labels().map(({ named }) => named)).toEqual(["true", "false"]);
    expect(catalog.lost).toEqual(new Map([["identity_entries", 1]]));
    const error = refusal(() => catalog.identity.record([entry("container.id", "b", {})]));
    expect([error.kind, error.message]).toEqual(["limit", expect.stringContaining("raise limits::identity_entries")]);
  });

  test("bound what one container that never settles can write", () => {
    const { add, catalog } = rig();
    for (let time = 0; time < 1000; time++) add({ "container.id": "a", "service.name": `s${time % 2}` }, time);
    expect(catalog.identity.entries).toBeLessThanOrEqual(256);
    expect(catalog.lost.get("identity_entries_of_one_key")).toBeGreaterThan(0);
  });
});

test("what can't be written stays, and is written when the disk has room again", () => {
  const { add, catalog, database } = rig();
  database.exec("PRAGMA max_page_count = 8");
  for (let index = 0; index < 1000; index++) add({ "container.id": `c${index}`, "k8s.pod.name": "x".repeat(100) });
  const error = refusal(() => catalog.save());
  expect([error.kind, error.message]).toEqual(["unavailable", expect.stringContaining("is the disk full?")]);
  expect(database.isTransaction).toBe(false);
  database.exec("PRAGMA max_page_count = 100000");
  catalog.save();
  expect(rig({}, database).catalog.size).toBe(1000);
});

test("2,000 containers are resolved and their labels listed without a scan for each", () => {
  const { add, catalog, database } = rig();
  for (let index = 0; index < 2000; index++) {
    add({ "container.id": `c${index}`, "k8s.pod.uid": `u${index}` });
    catalog.identity.record([entry("k8s.pod.uid", `u${index}`, { "k8s.pod.name": `p${index}` })]);
  }
  catalog.save();
  catalog.resolve([], ALWAYS);
  // What is known already is not read again: the database could be gone.
  database.close();
  expect(catalog.resolve([{ name: "pod", op: "=~", value: "p1.*" }], ALWAYS)).toHaveLength(1111);
  expect(catalog.labelValues("pod", [], ALWAYS, 5000).values).toHaveLength(2000);
});

describe("questions about many series", () => {
  test("let others run in between, and answer as those do that nobody interrupts", async () => {
    const { add, catalog } = rig();
    for (let index = 0; index < 6000; index++) add({ "container.id": `c${index}`, "service.name": `s${index % 7}` });
    catalog.save();
    let isDone = false;
    let turns = 0;
    const count = (): void => {
      turns++;
      if (!isDone) setImmediate(count);
    };
    setImmediate(count);
    const selector: Selector = [{ name: "service_name", op: "!=", value: "s3" }];
    const found = await catalog.resolveInTurns(selector, ALWAYS);
    isDone = true;
    expect(turns).toBeGreaterThan(0);
    expect(found).toEqual(catalog.resolve(selector, ALWAYS));
    expect(await catalog.labelNamesInTurns(selector, ALWAYS)).toEqual(catalog.labelNames(selector, ALWAYS));
    const values = catalog.labelValues("container_id", selector, ALWAYS, 9000);
    expect(await catalog.labelValuesInTurns("container_id", selector, ALWAYS, 9000)).toEqual(values);
  });

  test("end with the reason they are given, and don't touch the database after it", async () => {
    const { add, catalog, database } = rig();
    for (let index = 0; index < 6000; index++) add({ "container.id": `c${index}` });
    catalog.save();
    const closing = new AbortController();
    const asked = catalog.resolveInTurns([], ALWAYS, undefined, closing.signal);
    closing.abort(new StoreError("unavailable", "the store is closed"));
    database.close();
    await expect(asked).rejects.toThrow("the store is closed");
  });
});
