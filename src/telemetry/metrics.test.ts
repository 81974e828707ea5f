import { describe, expect, test } from "vitest";
import { MetricRegistry } from "./metrics.ts";

describe("MetricRegistry", () => {
  test("renders counters, gauges and histograms in the Prometheus text format", () => {
    const metrics = new MetricRegistry();
    metrics.counter("requests", { help: "Requests." }, { path: 'a"b\\c\nd' }).add(2);
    metrics.gauge("size", { help: "Size." }).set(1.5);
    metrics.observe("now", { help: "Read when asked." }, {}, () => 7);
    const seconds = metrics.histogram("seconds", { help: "Time.", buckets: [1, 2] }, { of: "x" });
    for (const value of [0.5, 1, 1.5, 99]) seconds.record(value);
    expect(metrics.render()).toBe(
      [
        "# HELP requests_total Requests.",
        "# TYPE requests_total counter",
        'requests_total{path="a\\"b\\\\c\\nd"} 2',
        "# HELP size Size.",
        "# TYPE size gauge",
        "size 1.5",
        "# HELP now Read when asked.",
        "# TYPE now gauge",
        "now 7",
        "# HELP seconds Time.",
        "# TYPE seconds histogram",
        'seconds_bucket{of="x",le="1"} 2',
        'seconds_bucket{of="x",le="2"} 3',
        'seconds_bucket{of="x",le="+Inf"} 4',
        'seconds_sum{of="x"} 102',
        'seconds_count{of="x"} 4',
        "",
      ].join("\n"),
    );
  });

  test("the same name and labels are the same series, in any order of labels", () => {
    const metrics = new MetricRegistry();
    metrics.counter("c", { help: "" }, { a: "1", b: "2" }).add();
    metrics.counter("c", { help: "" }, { b: "2", a: "1" }).add();
    expect(metrics.value("c", { a: "1", b: "2" })).toBe(2);
    expect(metrics.value("c")).toBe(2);
    expect(metrics.value("d")).toBeUndefined();
  });

  test("a name keeps its kind", () => {
    const metrics = new MetricRegistry();
    metrics.counter("c", { help: "" });
    expect(() => metrics.gauge("c", { help: "" })).toThrow("metric c is a counter, not a gauge");
  });

  test("labels from outside can't grow a name without end", () => {
    const metrics = new MetricRegistry();
    for (let peer = 0; peer < 3000; peer++) metrics.counter("c", { help: "" }, { peer: String(peer) }).add();
    expect(metrics.value("c")).toBe(3000);
    expect(metrics.value("c", { overflow: "true" })).toBe(1000);
  });
});
