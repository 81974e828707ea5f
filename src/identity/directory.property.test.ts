import fc from "fast-check";
import { expect, test } from "vitest";
import type { PodObject } from "#kubernetes";
import { ManualClock, MetricRegistry } from "#telemetry";
import { Directory } from "./directory.ts";
import { IdentityView } from "./identity-view.ts";
import { containerOf, podOf } from "./pod-fixtures.ts";
import { AMBIGUOUS, BY_IP } from "./pod-index.ts";

const GRACE_MS = 10_000;
/** Few, so that keys are lost and won again. */
const PODS = 3;

/** A pod's container ids belong to it alone, as they do in life; addresses are shared by all. */
function idOf(pod: number, run: number): string {
  return (pod * 100 + run).toString(16).padStart(64, "0");
}

const podState = fc.record({
  pod: fc.integer({ min: 0, max: PODS - 1 }),
  run: fc.integer({ min: 0, max: 2 }),
  hasPrevious: fc.boolean(),
  waits: fc.boolean(),
  ips: fc.subarray(["1.1.1.1", "2.2.2.2"]),
});
type PodState = typeof podState extends fc.Arbitrary<infer T> ? T : never;

function podFrom({ pod, run, hasPrevious, waits, ips }: PodState): PodObject {
  return podOf({
    uid: `uid-${pod}`,
    name: `pod-${pod}`,
    // Different for all, so that no address is ambiguous.
    startedMs: 1 + pod,
    podIps: ips,
    containers: [
      containerOf({
        containerId: waits ? "" : `containerd://${idOf(pod, run)}`,
        previousContainerId: hasPrevious ? `containerd://${idOf(pod, run + 1)}` : "",
        restartCount: run,
      }),
    ],
  });
}

const step = fc.oneof(
  { weight: 5, arbitrary: podState.map((state) => ({ act: "upsert" as const, state })) },
  { weight: 2, arbitrary: podState.map((state) => ({ act: "remove" as const, state })) },
  { weight: 1, arbitrary: fc.array(podState, { maxLength: 3 }).map((list) => ({ act: "list" as const, list })) },
  { weight: 3, arbitrary: fc.constantFrom(0, 1_000, 5_000, 12_000).map((ms) => ({ act: "wait" as const, ms })) },
);

/** The rules, as simple as they can be: who holds a key now, and who lost it when. */
class Model {
  readonly pods = new Map<string, PodObject>();
  readonly lost = new Map<string, number>();
  /** When a key was last asked for that was lost. */
  readonly asked = new Map<string, number>();
  /** Deleted pods as they last were. */
  readonly #deleted = new Map<string, PodObject>();

  keysOf(pod: PodObject): string[] {
    const ids = pod.containers.flatMap((container) => [container.containerId, container.previousContainerId]);
    return [...pod.podIps, ...ids.filter((id) => id !== ""), pod.uid].map((key) => `${pod.uid} ${key}`);
  }

  set(uid: string, pod: PodObject | undefined, nowMs: number): void {
    // A pod that comes back has all that it had, and then loses what it no longer mentions.
    const known = this.#deleted.get(uid);
    const isKnown = known !== undefined && this.keysOf(known).some((key) => this.#isFresh(key, nowMs));
    const before = this.pods.get(uid) ?? (pod !== undefined && isKnown ? known : undefined);
    const now = pod === undefined ? [] : this.keysOf(pod);
    for (const key of before === undefined ? [] : this.keysOf(before))
      if (!now.includes(key)) this.lost.set(key, nowMs);
    for (const key of now) {
      this.lost.delete(key);
      this.asked.delete(key);
    }
    if (pod !== undefined) this.pods.set(uid, pod);
    else if (before !== undefined) {
      this.#deleted.set(uid, before);
      this.pods.delete(uid);
    }
  }

  #isFresh(key: string, nowMs: number): boolean {
    const lostMs = this.lost.get(key) ?? 0;
    return Math.max(lostMs, this.asked.get(key) ?? 0) >= nowMs - GRACE_MS;
  }

  /** Who is found by what is its own alone, though it is lost, counts for another grace period. */
  ask(key: string, uid: string, nowMs: number): void {
    if (this.lost.has(`${uid} ${key}`)) this.asked.set(`${uid} ${key}`, nowMs);
  }

  /** The pods that may be found by the key: those that hold it, or else those that lost it within the grace period. */
  candidates(key: string, nowMs: number): string[] {
    const live = [...this.pods.values()].filter((pod) => this.keysOf(pod).includes(`${pod.uid} ${key}`));
    if (live.length > 0) return [live.reduce((a, b) => (b.startedMs > a.startedMs ? b : a)).uid];
    return [...this.lost]
      .filter(([lost]) => lost.endsWith(` ${key}`) && this.#isFresh(lost, nowMs))
      .map(([lost]) => lost.split(" ")[0]!);
  }
}

test("after any events, every key leads to who holds it or has just lost it, and in the end nothing is left", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 30 }), async (steps) => {
      const clock = new ManualClock();
      const directory = new Directory({ telemetry: { clock, metrics: new MetricRegistry() } });
      directory.keepFor(GRACE_MS);
      const view = new IdentityView(directory, GRACE_MS, clock);
      const byIp = directory.openIndex(BY_IP);
      const model = new Model();
      const find = (key: string): string | undefined => {
        const bytes = Buffer.from(key);
        if (key.startsWith("uid-")) return view.uid(bytes, 0, bytes.length)?.pod.uid;
        if (key.startsWith("containerd")) return view.container(bytes, 0, bytes.length)?.record.pod.uid;
        const found = view.in(byIp, key);
        return found === AMBIGUOUS ? "ambiguous" : found?.pod.uid;
      };
      const keys = ["1.1.1.1", "2.2.2.2"];
      for (let pod = 0; pod < PODS; pod++) {
        keys.push(`uid-${pod}`);
        for (let run = 0; run < 4; run++) keys.push(`containerd://${idOf(pod, run)}`);
      }
      for (const one of steps) {
        if (one.act === "wait") await clock.advance(one.ms);
        else if (one.act === "upsert") {
          directory.upsert(podFrom(one.state));
          model.set(`uid-${one.state.pod}`, podFrom(one.state), clock.nowMs());
        } else if (one.act === "remove") {
          directory.remove(podFrom(one.state));
          model.set(`uid-${one.state.pod}`, undefined, clock.nowMs());
        } else {
          directory.listing();
          for (const state of one.list) {
            directory.upsert(podFrom(state));
            model.set(`uid-${state.pod}`, podFrom(state), clock.nowMs());
          }
          directory.listed();
          const listed = one.list.map(({ pod }) => `uid-${pod}`);
          for (const uid of model.pods.keys()) if (!listed.includes(uid)) model.set(uid, undefined, clock.nowMs());
        }
        for (const key of keys) {
          const candidates = model.candidates(key, clock.nowMs());
          const found = find(key);
          if (found !== undefined && !keys.slice(0, 2).includes(key)) model.ask(key, found, clock.nowMs());
          if (candidates.length === 0) expect([key, found]).toEqual([key, undefined]);
          else expect(candidates).toContain(found);
        }
      }
      directory.listing();
      directory.listed();
      await clock.advance(GRACE_MS + 3_000);
      expect([directory.keys, directory.size, clock.pending]).toEqual([0, 0, 0]);
    }),
    { numRuns: 150 },
  );
}, 20_000);
