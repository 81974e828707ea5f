import { expect, test } from "vitest";
import { ManualClock, MetricRegistry, silentLogger } from "#telemetry";
import { RecordingSink } from "../fixtures/recording-sink.ts";
import type { PodObject } from "../objects.ts";
import { emptyPod } from "../decoding/pod-draft.ts";
import { PodPoller } from "./pod-poller.ts";

/** A poller whose answers the test gives, on a clock that it moves. */
class Bench {
  readonly clock = new ManualClock();
  readonly sink = new RecordingSink<PodObject>();
  readonly metrics = new MetricRegistry();
  /** When each poll began, in milliseconds since the start. */
  readonly beganMs: number[] = [];
  answer: (clock: ManualClock) => Promise<readonly PodObject[] | undefined>;
  readonly #startMs = this.clock.monotonicMs();
  readonly poller: PodPoller;

  constructor(answer: Bench["answer"] = () => Promise.resolve([])) {
    this.answer = answer;
    this.poller = new PodPoller({
      source: "kubelet",
      from: "here",
      read: () => {
        this.beganMs.push(this.clock.monotonicMs() - this.#startMs);
        return this.answer(this.clock);
      },
      sink: this.sink,
      telemetry: { clock: this.clock, metrics: this.metrics, logger: silentLogger },
      intervalMs: 10_000,
      toldIntervalMs: 30_000,
      random: () => 1,
    });
  }
}

const pod = (uid: string): PodObject => ({ ...emptyPod(), uid, name: uid });

test("it asks at once, then at each interval", async () => {
  const bench = new Bench();
  await bench.clock.advance(35_000);
  expect(bench.beganMs).toEqual([0, 10_000, 20_000, 30_000]);
  await bench.poller.stop();
});

test("a request is followed a second after the last poll at the earliest", async () => {
  let pods = 0;
  const bench = new Bench(() => Promise.resolve([pod(`${pods++}`)]));
  await bench.clock.advance(0);
  for (let i = 0; i < 30; i++) {
    bench.poller.refresh();
    await bench.clock.advance(100);
  }
  expect(bench.beganMs).toEqual([0, 1_000, 2_000, 3_000]);
  await bench.clock.advance(2_500);
  bench.poller.refresh();
  await bench.clock.advance(1);
  expect(bench.beganMs).toEqual([0, 1_000, 2_000, 3_000, 5_500]);
  await bench.poller.stop();
});

test("requests that bring nothing are followed less and less, until something comes", async () => {
  const bench = new Bench();
  await bench.clock.advance(0);
  for (let ms = 0; ms < 40_000; ms += 500) {
    bench.poller.refresh();
    await bench.clock.advance(500);
  }
  expect(bench.beganMs).toEqual([0, 1_000, 3_000, 7_000, 15_000, 25_000, 35_000]);
  bench.answer = () => Promise.resolve([pod("new")]);
  await bench.clock.advance(6_000);
  bench.poller.refresh();
  await bench.clock.advance(1_000);
  expect(bench.beganMs.slice(-2)).toEqual([45_000, 46_000]);
  await bench.poller.stop();
});

test("a poll that fails changes nothing, and pauses grow to half a minute", async () => {
  const bench = new Bench(() => Promise.resolve([pod("a")]));
  await bench.clock.advance(1);
  bench.answer = () => Promise.reject(Object.assign(new Error("no route"), { code: "EHOSTUNREACH" }));
  await bench.clock.advance(150_000);
  expect(bench.beganMs).toEqual([0, 10_000, 11_000, 13_000, 17_000, 25_000, 41_000, 71_000, 101_000, 131_000]);
  expect(bench.sink.told).toEqual(["listing", "upsert a", "listed"]);
  expect(bench.poller.state()).toEqual({ from: "here", synced: true, lastError: "no route" });
  expect(bench.metrics.render()).toContain('podflame_k8s_polls_total{result="EHOSTUNREACH",source="kubelet"} 9');
  expect(bench.metrics.render()).toContain('podflame_k8s_poll_up{source="kubelet"} 0');

  bench.answer = () => Promise.resolve([pod("b")]);
  await bench.clock.advance(30_000);
  expect([...bench.sink.known.keys()]).toEqual(["b"]);
  expect(bench.poller.state().lastError).toBeUndefined();
  await bench.poller.stop();
});

test("a poll that takes too long has failed, and what it brings afterwards doesn't count", async () => {
  const bench = new Bench(async (clock) => {
    await clock.sleep(10_001);
    return [pod("late")];
  });
  await bench.clock.advance(10_002);
  expect(bench.poller.state()).toEqual({ from: "here", synced: false, lastError: "no whole answer within 10 s" });
  expect(bench.sink.told).toEqual([]);
  await bench.poller.stop();
});

test("an answer of nothing new leaves everything as it is", async () => {
  const bench = new Bench(() => Promise.resolve([pod("a")]));
  await bench.clock.advance(1);
  bench.answer = () => Promise.resolve(undefined);
  await bench.clock.advance(60_000);
  expect(bench.sink.told).toEqual(["listing", "upsert a", "listed"]);
  await bench.poller.stop();
});

test("what is told to have changed is read at once, five times a second at the most", async () => {
  const bench = new Bench();
  await bench.clock.advance(5_000);
  for (let ms = 0; ms < 500; ms += 50) {
    bench.poller.changed();
    await bench.clock.advance(50);
  }
  expect(bench.beganMs).toEqual([0, 5_000, 5_200, 5_400]);
  await bench.clock.advance(9_500);
  expect(bench.beganMs.slice(4)).toEqual([5_600]);
  await bench.poller.stop();
});

test("while changes are told, it asks more seldom by itself", async () => {
  const bench = new Bench();
  await bench.clock.advance(5_000);
  bench.poller.isTold = true;
  await bench.clock.advance(55_001);
  expect(bench.beganMs).toEqual([0, 30_000, 60_000]);
  await bench.clock.advance(12_000);
  bench.poller.isTold = false;
  await bench.clock.advance(1);
  expect(bench.beganMs.length).toBe(4);
  await bench.poller.stop();
});
