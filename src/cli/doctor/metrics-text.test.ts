import { expect, test } from "vitest";
import { MetricRegistry } from "#telemetry";
import { readSamples } from "./metrics-text.ts";

test("reads what our own registry writes", () => {
  const metrics = new MetricRegistry();
  const odd = 'a "b", c\\d\ne}';
  metrics.counter("podflame_identity_misses", { help: "Misses." }, { reason: odd, processor: "p" }).add(3);
  expect(readSamples(metrics.render())).toContainEqual({
    name: expect.stringMatching(/^podflame_identity_misses/) as string,
    labels: { reason: odd, processor: "p" },
    value: 3,
  });
});

test("leaves out what is no sample", () => {
  expect(readSamples("# HELP a b\n<html>\nx y\na 1\nb{} 2 1700000000\n")).toEqual([
    { name: "a", labels: {}, value: 1 },
    { name: "b", labels: {}, value: 2 },
  ]);
});
