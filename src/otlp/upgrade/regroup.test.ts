import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { AttributeValue } from "../attribute-value.ts";
import type { ProfilesModel } from "../profiles/model.ts";
import { normalContainerId } from "./container-id.ts";
import { regroupByContainer } from "./regroup.ts";
import { contentOf } from "./testing/content.ts";
import { profilesOf, type ShortProfile, type ShortSample, shortModel } from "./testing/fixtures.ts";

type Attributes = Readonly<Record<string, AttributeValue>>;

function regrouped(
  samples: readonly ShortSample[],
  resource: Attributes = { "host.name": "n" },
  more: ShortProfile = {},
) {
  const { model, losses } = regroupByContainer(shortModel("D7", [{ ...more, samples }], resource));
  const content = contentOf(model);
  return { model, content, losses: Object.fromEntries(losses.map(({ kind, count }) => [kind, count])) };
}

const inside = (id: AttributeValue, value = 1n, more: Attributes = {}): ShortSample => ({
  values: [value],
  attributes: { ...more, "container.id": id },
});

/** Resource and total of each profile, in the order of the resources. */
function shares({ model }: { model: ProfilesModel }): unknown[] {
  return model.resources.map((record) => {
    const [found] = contentOf({ ...model, resources: [record] });
    return [found!.resource.trim(), [...found!.totals.values()].reduce((sum, one) => sum + one, 0n)];
  });
}

describe("samples with container.id", () => {
  test("get a resource for each container, in order of appearance; the others stay with the host", () => {
    const found = regrouped([inside("a", 1n), { values: [2n] }, inside("b", 4n), inside("a", 8n)]);
    expect(shares(found)).toEqual([
      ['container.id="a" host.name="n"', 9n],
      ['host.name="n"', 2n],
      ['container.id="b" host.name="n"', 4n],
    ]);
    expect([...found.content[0]!.totals.keys()].join()).not.toContain("container.id");
    expect(found.losses).toEqual({});
  });

  test.each([
    ["containerd://ABCDEFabcdef", "abcdefabcdef"],
    [" docker://x ", "x"],
    ["cri-o://0123456789ab", "0123456789ab"],
    ["machine.slice", "machine.slice"],
  ])("%j is %s, on samples and on resources", (spelled, id) => {
    expect(normalContainerId(spelled)).toBe(id);
    expect(shares(regrouped([inside(spelled), inside(id)]))).toEqual([[`container.id="${id}" host.name="n"`, 2n]]);
    expect(shares(regrouped([{ values: [1n] }], { "container.id": spelled }))).toEqual([[`container.id="${id}"`, 1n]]);
  });

  test("an empty id is none, and goes from the resource", () => {
    expect(shares(regrouped([inside("")], { "container.id": "", "host.name": "n" }))).toEqual([['host.name="n"', 1n]]);
  });

  test("the id that the resource has as well only leaves the sample", () => {
    const found = regrouped([inside("a"), { values: [2n] }], { "container.id": "a", "service.name": "s" });
    expect(shares(found)).toEqual([['container.id="a" service.name="s"', 3n]]);
  });

  test("another id on the resource is the agent's: its identity is not that of the containers", () => {
    const resource = {
      "container.id": "agent",
      "k8s.pod.name": "agent-x",
      "k8s.deployment.name": "agent",
      "service.name": "agent",
      "process.pid": 1n,
      "host.name": "n",
      "k8s.node.name": "n",
      "cloud.region": "r",
    };
    const [container, host] = shares(regrouped([inside("a"), { values: [2n] }], resource)) as [[string], [string]];
    expect(container).toEqual(['cloud.region="r" container.id="a" host.name="n" k8s.node.name="n"', 1n]);
    expect(host[0]).toContain('k8s.pod.name="agent-x"');
  });

  test("the version of a profiler without a service name is not that of the containers", () => {
    const [container] = shares(regrouped([inside("a")], { "service.version": "0.1", "host.name": "n" }));
    expect(container).toEqual(['container.id="a" host.name="n"', 1n]);
  });

  test("an id that is no text stays where it is and is counted, as is a second id", () => {
    expect(regrouped([inside(7n)]).losses).toEqual({ "container-id": 1 });
    expect(shares(regrouped([inside(7n)]))).toEqual([['host.name="n"', 1n]]);
  });

  test("an id of the profile moves all of it", () => {
    const found = regrouped([{ values: [5n] }], { "host.name": "n" }, { attributeValues: { "container.id": "p" } });
    expect(shares(found)).toEqual([['container.id="p" host.name="n"', 5n]]);
    expect(found.content[0]!.attributes).toEqual([]);
  });

  test("more containers than the limit stay with the host, attribute and all", () => {
    const samples = ["a", "b", "c", "d"].map((id) => inside(id));
    const { model, losses } = regroupByContainer(shortModel("D7", [{ samples }]), { maxGroups: 2 });
    expect(model.resources.length).toBe(3);
    expect(losses.map(({ kind, count }) => [kind, count])).toEqual([["container-groups", 2]]);
    expect(JSON.stringify(contentOf(model).flatMap(({ totals }) => [...totals.keys()]))).toContain("container.id");
  });

  test("parts of a profile have ids of their own, the same each time, and not the payload of the host", () => {
    const whole = {
      profileId: Uint8Array.from({ length: 16 }, () => 7),
      originalPayload: Uint8Array.of(1),
      originalPayloadFormat: "pprof",
    };
    const found = regrouped([inside("a"), inside("b")], {}, whole);
    const ids = profilesOf(found.model).map(({ profileId }) => Buffer.from(profileId).toString("hex"));
    expect(new Set(ids).size).toBe(2);
    const again = profilesOf(regrouped([inside("a"), inside("b")], {}, whole).model);
    expect(again.map(({ profileId }) => Buffer.from(profileId).toString("hex"))).toEqual(ids);
    expect(found.losses).toEqual({ "original-payload": 1 });
    expect(regrouped([inside("a"), inside("a")], {}, whole).losses).toEqual({});
  });

  test("a request without any is the same", () => {
    const model = shortModel("D7", [{ samples: [{ values: [1n] }] }], { "host.name": "n" });
    expect(regroupByContainer(model).model).toEqual(model);
  });
});

test("whatever the samples, none is lost: counts, totals and timestamps of each stack stay", () => {
  const sample = fc.record({
    stack: fc.constantFrom("f", "g", "h"),
    values: fc.array(fc.bigInt({ min: -9n, max: 9n }), { minLength: 1, maxLength: 2 }),
    timestamps: fc.array(fc.bigInt({ min: 1n, max: 99n }), { maxLength: 3 }),
    attributes: fc.record(
      {
        "container.id": fc.oneof(fc.constantFrom("", "a", "docker://a", "b", " b"), fc.bigInt({ min: 0n, max: 3n })),
        "thread.name": fc.constantFrom("x", "y"),
      },
      { requiredKeys: [] },
    ),
  });
  const own = fc.option(fc.constantFrom("a", "", "agent"), { nil: undefined });
  fc.assert(
    fc.property(fc.array(sample, { maxLength: 12 }), own, (samples, id) => {
      const model = shortModel(
        "D7",
        [{ types: ["a/x", "b/y"], samples }],
        id === undefined ? {} : { "container.id": id },
      );
      const { model: after } = regroupByContainer(model);
      expect(sums(after)).toEqual(sums(model));
      expect(profilesOf(after).reduce((count, one) => count + one.samples.length, 0)).toBe(samples.length);
    }),
    { numRuns: 300 },
  );
});

/** Values and timestamps by stack and attributes without the id, over all resources. */
function sums(model: ProfilesModel): ReadonlyMap<string, string> {
  const found = new Map<string, { total: bigint; times: bigint[] }>();
  for (const { type, totals, timestamps } of contentOf(model)) {
    for (const [identity, total] of totals) {
      const key = `${type} ${identity.replace(/container\.id=("[^"]*"|\d+) ?/, "").replaceAll(/ +/g, " ")}`;
      const one = found.get(key) ?? { total: 0n, times: [] };
      found.set(key, { total: one.total + total, times: [...one.times, ...timestamps.get(identity)!] });
    }
  }
  return new Map(
    [...found].map(([key, { total, times }]) => [key, `${total} ${times.toSorted((a, b) => (a < b ? -1 : 1)).join()}`]),
  );
}
