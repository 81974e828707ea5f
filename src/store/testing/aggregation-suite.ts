import { describe, expect, test } from "vitest";
import { foldedOf } from "./answers.ts";
import type { SuiteContext } from "./conformance-suite.ts";
import { requestOf } from "./requests.ts";
import { HOUR, minutes, START } from "./suite-times.ts";

const HIT = 50_000_000;
const RESOURCE = { "container.id": "a".repeat(64), "process.executable.name": "app" };

/** What is used up adds up over time; what is there at a time does not. */
export function aggregationSuite({ open, settle }: SuiteContext): void {
  /** Snapshots ten minutes apart, so that each is in a bucket of its own in every tier. */
  const snapshots = async (type: readonly [string, string], ...values: readonly (readonly [string, number][])[]) => {
    const store = await open();
    for (const [at, stacks] of values.entries()) {
      const samples = stacks.map(([name, value]) => ({ stack: ["main", name], value }));
      const bytes = await requestOf({ resource: RESOURCE, type, samples, time: minutes(at * 10 + 1) });
      await store.append({ bytes, receivedAt: START });
      await settle(store);
    }
    return store;
  };

  describe("aggregation", () => {
    test("allocations are added up over time", async () => {
      const store = await snapshots(["alloc_space", "bytes"], [["a", 100]], [["a", 300]]);
      expect(await store.profileTypes(HOUR)).toMatchObject([{ id: "alloc_space", unit: "bytes", aggregation: "sum" }]);
      expect(await foldedOf(store, HOUR, { type: "alloc_space" })).toEqual({ "app;main;a": 400 });
    });

    test("memory in use is its mean over the snapshots, where a stack that one of them lacks counts nothing", async () => {
      const store = await snapshots(
        ["inuse_space", "bytes"],
        [
          ["a", 100],
          ["b", 50],
        ],
        [["a", 300]],
      );
      expect(await store.profileTypes(HOUR)).toMatchObject([{ id: "inuse_space", aggregation: "mean" }]);
      const type = "inuse_space";
      expect(await foldedOf(store, HOUR, { type })).toEqual({ "app;main;a": 200, "app;main;b": 25 });
      expect(await foldedOf(store, { from: minutes(10), to: minutes(20) }, { type })).toEqual({ "app;main;a": 300 });
    });

    test("threads made since the start are what was said last", async () => {
      const store = await snapshots(["threadcreate", "count"], [["a", 3]], [["a", 7]]);
      expect(await store.profileTypes(HOUR)).toMatchObject([{ id: "threadcreate", aggregation: "last" }]);
      expect(await foldedOf(store, HOUR, { type: "threadcreate" })).toEqual({ "app;main;a": 7 });
    });

    test("steps of a timeline have the mean of their snapshots, or the last", async () => {
      const steps = async (type: readonly [string, string]): Promise<readonly number[]> => {
        const store = await snapshots(type, [["a", 100]], [["a", 300]], [["a", 500]], [["a", 800]]);
        const spans = (await store.resolve([], HOUR, type[0])).map((span) => ({ ...span, group: 0 }));
        const step = 20 * 60_000;
        const { values } = await store.timeline({ type: type[0], range: HOUR, spans, step });
        return Array.from(values).filter((value) => value > 0);
      };
      expect(await steps(["inuse_space", "bytes"])).toEqual([200, 650]);
      expect(await steps(["threadcreate", "count"])).toEqual([300, 800]);
      expect(await steps(["alloc_space", "bytes"])).toEqual([400, 1300]);
    });

    test("types of one request are kept apart", async () => {
      const store = await open();
      const bytes = await requestOf({
        resource: RESOURCE,
        samples: [{ stack: ["main"], time: minutes(1) }],
        alongside: [
          { type: ["off_cpu", "nanoseconds"], samples: [{ stack: ["wait"], value: 7, time: minutes(1) }] },
          { type: ["alloc_space", "bytes"], samples: [{ stack: ["new"], value: 9, time: minutes(1) }] },
          { type: ["inuse_space", "bytes"], samples: [{ stack: ["new"], value: 5, time: minutes(1) }] },
        ],
      });
      await store.append({ bytes, receivedAt: START });
      await settle(store);
      const types = await store.profileTypes(HOUR);
      expect(types.map(({ id, aggregation }) => `${id} ${aggregation}`)).toEqual([
        "alloc_space sum",
        "cpu sum",
        "inuse_space mean",
        "off_cpu sum",
      ]);
      expect(await foldedOf(store, HOUR)).toEqual({ "app;main": HIT });
      expect(await foldedOf(store, HOUR, { type: "off_cpu" })).toEqual({ "app;wait": 7 });
      expect(await foldedOf(store, HOUR, { type: "alloc_space" })).toEqual({ "app;new": 9 });
      expect(await foldedOf(store, HOUR, { type: "inuse_space" })).toEqual({ "app;new": 5 });
    });

    test("hits that come measured as well count once: as what was measured", async () => {
      const store = await open();
      const samples = [{ stack: ["main"], time: minutes(1) }];
      const measured = {
        type: ["cpu", "nanoseconds"],
        samples: [{ stack: ["main"], value: 11, time: minutes(1) }],
      } as const;
      const bytes = await requestOf({ resource: RESOURCE, samples, alongside: [measured] });
      await store.append({ bytes, receivedAt: START });
      await settle(store);
      expect(await foldedOf(store, HOUR)).toEqual({ "app;main": 11 });
      expect(await foldedOf(store, HOUR, { type: "samples" })).toEqual({ "app;main": 1 });
    });

    test("hits beside a count that is only called like their period are the time that they stand for", async () => {
      const store = await open();
      const samples = [{ stack: ["main"], time: minutes(1) }];
      const other = { type: ["cpu", "percent"], samples: [{ stack: ["main"], value: 3, time: minutes(1) }] } as const;
      const bytes = await requestOf({ resource: RESOURCE, samples, alongside: [other] });
      await store.append({ bytes, receivedAt: START });
      await settle(store);
      expect(await foldedOf(store, HOUR)).toEqual({ "app;main": HIT });
      expect((await store.profileTypes(HOUR)).map(({ id }) => id)).toEqual(["cpu", "cpu_percent"]);
    });

    test("containers' means add up", async () => {
      const store = await open();
      const type = ["inuse_space", "bytes"] as const;
      for (const [at, id] of ["a", "b"].entries()) {
        const resource = { "container.id": id.repeat(64), "process.executable.name": "app" };
        const samples = [{ stack: ["main"], value: 100 }];
        for (const minute of at === 0 ? [1, 11] : [1]) {
          const bytes = await requestOf({ resource, type, samples, time: minutes(minute) });
          await store.append({ bytes, receivedAt: START });
        }
      }
      await settle(store);
      expect(await foldedOf(store, HOUR, { type: "inuse_space" })).toEqual({ "app;main": 200 });
    });
  });
}
