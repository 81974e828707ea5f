import { get } from "node:http";
import { afterEach, describe, expect, test } from "vitest";
import { MetricRegistry } from "#telemetry";
import { BufferPool } from "#wire";
import type { DebugPages } from "./debug-pages.ts";
import { MetricsServer } from "./metrics-server.ts";
import { observeProcess } from "./process-metrics.ts";

const servers: MetricsServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

function makeServer(port: number, registry = new MetricRegistry(), pages: DebugPages = new Map()): MetricsServer {
  const server = new MetricsServer({ host: "127.0.0.1", port }, registry, pages);
  servers.push(server);
  return server;
}

function scraped(
  port: number,
  path = "/metrics",
  headers: Record<string, string> = {},
): Promise<{ code: number | undefined; type: string; body: string }> {
  return new Promise((resolve, reject) => {
    get({ host: "127.0.0.1", port, path, headers, agent: false }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (chunk: string) => (body += chunk));
      const type = response.headers["content-type"] ?? "";
      response.on("end", () => resolve({ code: response.statusCode, type, body }));
    }).on("error", reject);
  });
}

describe("the metrics endpoint", () => {
  test("serves the registry and what the process tells of itself", async () => {
    const registry = new MetricRegistry();
    registry.counter("otelcol_receiver_accepted_spans", { help: "Spans taken." }, { receiver: "otlp" }).add(7);
    observeProcess(registry, new BufferPool());
    const server = makeServer(0, registry);
    await server.listen();
    const { code, type, body } = await scraped(server.port!);
    expect(code).toBe(200);
    expect(type).toBe("text/plain; version=0.0.4; charset=utf-8");
    expect(body).toContain('otelcol_receiver_accepted_spans_total{receiver="otlp"} 7\n');
    for (const name of [
      "otelcol_process_uptime",
      "otelcol_process_cpu_seconds",
      "otelcol_process_memory_rss",
      "otelcol_process_runtime_heap_alloc_bytes",
      "podflame_buffer_pool_leased",
      "podflame_event_loop_utilization",
      "podflame_event_loop_delay_p99_seconds",
    ]) {
      expect(Number(new RegExp(`^${name} (\\S+)$`, "m").exec(body)?.[1]), name).toBeGreaterThanOrEqual(0);
    }
  });

  test("serves what components tell those who look for a fault, as it is now", async () => {
    let asked = 0;
    const server = makeServer(0, undefined, new Map([["identity", () => ({ asked: ++asked })]]));
    await server.listen();
    expect(JSON.parse((await scraped(server.port!, "/debug/identity")).body)).toEqual({ asked: 1 });
    const { code, type, body } = await scraped(server.port!, "/debug/identity?pretty");
    expect([code, type, JSON.parse(body)]).toEqual([200, "application/json", { asked: 2 }]);
    expect(await scraped(server.port!, "/debug/other")).toMatchObject({
      code: 404,
      body: "see /metrics, /debug/identity\n",
    });
  });

  test("tells faults to nobody who comes by another name than this machine's", async () => {
    const server = makeServer(0, undefined, new Map([["identity", () => "told"]]));
    await server.listen();
    const { code, body } = await scraped(server.port!, "/debug/identity", { host: "evil.example:8888" });
    expect([code, body]).toEqual([403, expect.stringContaining("for this machine alone")]);
    expect((await scraped(server.port!, "/debug/identity", { host: "localhost:1" })).code).toBe(200);
  });

  test("has nothing at other paths", async () => {
    const server = makeServer(0);
    await server.listen();
    expect((await scraped(server.port!, "/")).code).toBe(404);
  });

  test("says what to do when its port is taken", async () => {
    const first = makeServer(0);
    await first.listen();
    await expect(makeServer(first.port!).listen()).rejects.toThrow(
      `own metrics: 127.0.0.1:${first.port} is taken by another process; give another port with ` +
        "--set service::telemetry::metrics::address=HOST:PORT, or none with --set service::telemetry::metrics::level=none",
    );
  });

  test("closes unstarted, and twice", async () => {
    const server = makeServer(0);
    await server.close();
    await server.listen();
    await server.close();
    await server.close();
  });
});
