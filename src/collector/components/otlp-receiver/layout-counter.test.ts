import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { detectLayout, type Origin, Payload } from "#otlp";
import { MetricRegistry } from "#telemetry";
import { MessageBuffer } from "#wire";
import { LayoutCounter } from "./layout-counter.ts";

const vector = (file: string): Buffer =>
  readFileSync(new URL(`../../../../testdata/otlp-profiles/${file}`, import.meta.url));
const NAME = "podflame_receiver_profiles_requests";

function counterFor() {
  const metrics = new MetricRegistry();
  const layouts = new LayoutCounter(detectLayout, metrics, "otlp", "grpc");
  const count = (origin: Origin, bytes: Uint8Array): void =>
    layouts.count(new Payload("profiles", MessageBuffer.copyOf(bytes), origin));
  const of = (layout: string, peer: string): number | undefined =>
    metrics.value(NAME, { receiver: "otlp", transport: "grpc", layout, peer });
  return { count, of };
}

test("requests count by layout and peer", () => {
  const { count, of } = counterFor();
  const old: Origin = { protocol: "grpc", peerAddress: "10.0.0.7" };
  const young: Origin = { protocol: "grpc", peerAddress: "10.0.0.8" };
  for (let turn = 0; turn < 3; turn++) count(old, vector("d7/l1.protobuf-go.pb"));
  count(young, vector("d10/l1.collector.pb"));
  expect([of("D7", "10.0.0.7"), of("D10", "10.0.0.8"), of("D10", "10.0.0.7")]).toEqual([3, 1, undefined]);
});

test("a sender that is updated behind its address is noticed at the next look", () => {
  const { count, of } = counterFor();
  const origin: Origin = { protocol: "grpc", peerAddress: "10.0.0.7" };
  for (let request = 0; request < 64; request++) count(origin, vector("d9/l1.protobuf-go.pb"));
  count(origin, vector("d10/l1.protobuf-go.pb"));
  expect([of("D9", "10.0.0.7"), of("D10", "10.0.0.7")]).toEqual([64, 1]);
});

test("what has no profiles or no layout has a name as well", () => {
  const { count, of } = counterFor();
  count({ protocol: "grpc" }, Buffer.from("1200", "hex"));
  count({ protocol: "grpc", peerAddress: "10.0.0.9" }, vector("d6/l1-export-request.protobuf-go.pb"));
  expect([of("none", ""), of("unknown", "10.0.0.9")]).toEqual([1, 1]);
});
