import fc from "fast-check";
import { expect, test } from "vitest";
import type { MetadataObject, PodObject } from "#kubernetes";
import { ManualClock, MetricRegistry } from "#telemetry";
import { Directory } from "./directory.ts";
import { IdentityView } from "./identity-view.ts";
import { objectOf, ownerOf, podOf } from "./pod-fixtures.ts";

const GRACE_MS = 10_000;
/** Few of each, so that owners change, go and come back. */
const index = fc.nat(2);

const podState = fc.record({ pod: index, replicaSet: index, namespace: index });
const replicaSetState = fc.record({ replicaSet: index, deployment: fc.option(index, { nil: undefined }) });
type PodState = typeof podState extends fc.Arbitrary<infer T> ? T : never;
type ReplicaSetState = typeof replicaSetState extends fc.Arbitrary<infer T> ? T : never;

const step = fc.oneof(
  { weight: 4, arbitrary: podState.map((state) => ({ act: "pod" as const, state })) },
  { weight: 2, arbitrary: index.map((pod) => ({ act: "pod gone" as const, pod })) },
  { weight: 4, arbitrary: replicaSetState.map((state) => ({ act: "replica set" as const, state })) },
  { weight: 2, arbitrary: index.map((replicaSet) => ({ act: "replica set gone" as const, replicaSet })) },
  { weight: 2, arbitrary: index.map((namespace) => ({ act: "namespace" as const, namespace })) },
  { weight: 1, arbitrary: fc.array(index).map((namespaces) => ({ act: "namespaces listed" as const, namespaces })) },
  { weight: 3, arbitrary: fc.constantFrom(0, 3_000, 12_000, 25_000).map((ms) => ({ act: "wait" as const, ms })) },
);

function podFrom({ pod, replicaSet, namespace }: PodState): PodObject {
  return podOf({
    uid: `pod-${pod}`,
    name: `pod-${pod}`,
    namespace: `namespace-${namespace}`,
    owners: [ownerOf("ReplicaSet", `rs-${replicaSet}`)],
  });
}

function replicaSetFrom({ replicaSet, deployment }: ReplicaSetState): MetadataObject {
  const controller = deployment === undefined ? undefined : ownerOf("Deployment", `deployment-${deployment}`);
  return objectOf("ReplicaSet", `rs-${replicaSet}`, { controller });
}

test("after any events pods know what they belong to, derived keys fit, and in the end nothing is left", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const clock = new ManualClock();
      const directory = new Directory({ telemetry: { clock, metrics: new MetricRegistry() } });
      directory.keepFor(GRACE_MS);
      directory.follow(["Namespace", "ReplicaSet", "Deployment"]);
      const view = new IdentityView(directory, GRACE_MS, clock);
      const byDeployment = directory.openIndex({
        name: "deployment",
        keysOf: (_, record) => {
          const uid = record.related("ReplicaSet")?.object?.controller?.uid;
          return uid === undefined ? [] : [uid];
        },
        exclusive: false,
      });
      const slot = directory.openSlot("derived");
      const pods = new Map<number, PodState>();
      /** As last seen: what pods refer to stays known. */
      const replicaSets = new Map<number, ReplicaSetState>();
      for (const each of steps) {
        switch (each.act) {
          case "pod":
            pods.set(each.state.pod, each.state);
            directory.upsert(podFrom(each.state));
            break;
          case "pod gone":
            directory.remove(podOf({ uid: `pod-${each.pod}` }));
            pods.delete(each.pod);
            break;
          case "replica set":
            replicaSets.set(each.state.replicaSet, each.state);
            directory.objects.sink("ReplicaSet").upsert(replicaSetFrom(each.state));
            break;
          case "replica set gone":
            directory.objects.sink("ReplicaSet").remove(objectOf("ReplicaSet", `rs-${each.replicaSet}`));
            break;
          case "namespace":
            directory.objects.sink("Namespace").upsert(objectOf("Namespace", `namespace-${each.namespace}`));
            break;
          case "namespaces listed": {
            const sink = directory.objects.sink("Namespace");
            sink.listing();
            for (const namespace of each.namespaces) sink.upsert(objectOf("Namespace", `namespace-${namespace}`));
            sink.listed();
            break;
          }
          case "wait":
            await clock.advance(each.ms);
        }
        for (const state of pods.values()) {
          const record = directory.findUidText(`pod-${state.pod}`)!;
          expect(record.links.map(({ key }) => key).toSorted()).toEqual([
            `namespace-${state.namespace}`,
            `rs-${state.replicaSet}-uid`,
          ]);
          const known = record.related("ReplicaSet")?.object;
          if (known !== undefined) {
            // What is known of an owner is what was said last, also when it is gone.
            expect(known).toEqual(replicaSetFrom(replicaSets.get(state.replicaSet)!));
            expect(record.related("Deployment")?.key).toBe(known.controller?.uid);
            if (known.controller !== undefined) expect(view.in(byDeployment, known.controller.uid)).toBeDefined();
          }
          // Whatever is kept with a record was derived of what it is now.
          const derived = JSON.stringify(known?.controller);
          expect(record.get(slot) ?? derived).toBe(derived);
          record.put(slot, derived);
        }
      }
      for (const { pod } of pods.values()) directory.remove(podOf({ uid: `pod-${pod}` }));
      for (const kind of ["Namespace", "ReplicaSet"] as const) {
        directory.objects.sink(kind).listing();
        directory.objects.sink(kind).listed();
      }
      await clock.advance(GRACE_MS * 4);
      expect([directory.size, directory.keys, directory.objects.size]).toEqual([0, 0, 0]);
      expect(clock.pending).toBe(0);
    }),
    { numRuns: 300 },
  );
});
