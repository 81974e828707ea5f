import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { MemoryStore } from "#store";
import { createApi } from "../http/api.ts";
import type { ErrorAnswer, FlameAnswer, IngestAnswer, ProfileTypesAnswer } from "../api.ts";

const TESTDATA = join(import.meta.dirname, "../../../testdata");
const NOW = Date.UTC(2026, 10, 22, 12);
const read = (path: string): Uint8Array<ArrayBuffer> => new Uint8Array(readFileSync(join(TESTDATA, path)));

let store: MemoryStore;
let app: ReturnType<typeof createApi>;

beforeEach(async () => {
  store = await MemoryStore.open({ now: () => NOW });
  app = createApi({
    store,
    status: () => ({ version: "test", mode: { kind: "live", reason: "", remedy: "" } }),
    now: () => NOW,
    bodies: { maxBytes: 1 << 20, maxInflatedBytes: 4 << 20 },
  });
});

afterEach(() => store.close());

async function post(
  path: string,
  body: NonNullable<RequestInit["body"]>,
  headers: Record<string, string> = {},
): Promise<Response> {
  return app.request(`http://127.0.0.1/${path}`, { method: "POST", body, headers });
}

async function get<T>(path: string): Promise<T> {
  return (await (await app.request(`http://127.0.0.1/api/v1/${path}`)).json()) as T;
}

function formOf(...parts: readonly string[]): FormData {
  const form = new FormData();
  for (const part of parts) form.append(part, new Blob(["x"]), part);
  return form;
}

/** All time there is. */
const ALWAYS = "from=2020-01-01T00:00:00Z&to=now%2B1d";

describe("POST /api/v1/ingest", () => {
  test.for([
    ["OTLP", "captures/ebpf-20hz-grpc.binpb", 94],
    ["OTLP of another layout", "otlp-profiles/d7/l1.protobuf-go.pb", 117],
    ["OTLP/JSON", "otlp-profiles/d10/l1.collector.json", 117],
    ["pprof", "formats/go-cpu.pb.gz", 1],
    ["perf script", "formats/perf-script-default.txt", 10],
  ] as const)("takes %s and knows it by its bytes", async ([, path, least]) => {
    const response = await post("api/v1/ingest", read(path));
    expect(response.status).toBe(200);
    const { samples, rejected } = (await response.json()) as IngestAnswer;
    expect(samples).toBeGreaterThanOrEqual(least);
    expect(rejected).toEqual({});
    const { types } = await get<ProfileTypesAnswer>(`profile_types?${ALWAYS}`);
    expect(types.length).toBeGreaterThan(0);
  });

  test("takes all sample types of a heap profile", async () => {
    await post("api/v1/ingest", read("formats/go-heap.pb.gz"));
    const { types } = await get<ProfileTypesAnswer>(`profile_types?${ALWAYS}`);
    expect(types.map(({ id, aggregation }) => `${id} ${aggregation}`)).toEqual([
      "alloc_objects sum",
      "alloc_space sum",
      "inuse_objects mean",
      "inuse_space mean",
    ]);
  });

  test("puts what it is told about a file on its samples, and its time where it has none", async () => {
    const path =
      "api/v1/ingest?attribute=service.name%3Dbatch&attribute=k8s.namespace.name%3Djobs&from=2026-11-22T10:00:00Z";
    expect((await post(path, "main;work 3\nmain;idle 2\n")).status).toBe(200);
    const query = encodeURIComponent('{service_name="batch",namespace="jobs"}');
    const time = "from=2026-11-22T09:59:00Z&to=2026-11-22T10:01:00Z";
    const { coverage, unit } = await get<FlameAnswer>(`flamegraph?type=samples&query=${query}&${time}`);
    expect([coverage.total, unit]).toEqual([5, "count"]);
  });

  test("moves times that begin with the machine to those of the calendar", async () => {
    await post("api/v1/ingest", read("formats/perf-script-default.txt"));
    const { types } = await get<ProfileTypesAnswer>("profile_types?from=now-1m&to=now%2B1s");
    expect(types).toHaveLength(1);
  });

  test.for([
    ["gzip", gzipSync],
    ["zstd", zstdCompressSync],
  ] as const)("takes %s off", async ([encoding, compress]) => {
    const body = new Uint8Array(compress(read("captures/ebpf-20hz-grpc.binpb")));
    expect((await post("api/v1/ingest", body, { "content-encoding": encoding })).status).toBe(200);
  });

  test.for([
    ["what is too large", () => post("api/v1/ingest", new Uint8Array(2 << 20)), 413],
    [
      "what is too large once it is inflated",
      () => post("api/v1/ingest", new Uint8Array(gzipSync(new Uint8Array(5 << 20))), { "content-encoding": "gzip" }),
      413,
    ],
    ["broken compression", () => post("api/v1/ingest", "not gzip", { "content-encoding": "gzip" }), 400],
    ["an unknown encoding", () => post("api/v1/ingest", "", { "content-encoding": "br" }), 400],
    ["bytes that are nothing", () => post("api/v1/ingest", new Uint8Array([1, 2, 3, 4])), 400],
    ["an unknown format", () => post("api/v1/ingest?format=jfr", "x"), 400],
    ["an attribute without a value", () => post("api/v1/ingest?attribute=x", "main 1"), 400],
    ["a page of another site", () => post("api/v1/ingest", "main 1", { origin: "https://evil.example" }), 403],
  ] as const)("refuses %s", async ([, ask, status]) => {
    const response = await ask();
    expect(response.status).toBe(status);
    expect(((await response.json()) as ErrorAnswer).error.message).not.toBe("");
    expect(await store.resolve([], { from: 0, to: 9e12 })).toEqual([]);
  });
});

describe("POST /ingest, as Pyroscope's SDKs call it", () => {
  const name = encodeURIComponent("shop.cart.cpu{region=eu,__session_id__=1}");

  test("takes folded stacks as CPU time at the rate that they tell", async () => {
    const path = `ingest?name=${name}&from=${NOW / 1000 - 60}&until=${NOW / 1000}&format=folded&sampleRate=50`;
    expect((await post(path, "main;work 3\n")).status).toBe(200);
    const query = encodeURIComponent('{service_name="shop.cart",region="eu"}');
    const { coverage } = await get<FlameAnswer>(`flamegraph?query=${query}`);
    expect(coverage.total).toBe(3 * 20_000_000);
  });

  test("takes stacks line by line, and counts them", async () => {
    const from = `from=${NOW / 1000 - 60}&until=${NOW / 1000}`;
    expect(
      (await post(`ingest?name=lines&${from}&format=lines&sampleRate=10`, "main;a\nmain;b\r\n\nmain;a\n")).status,
    ).toBe(200);
    expect((await post(`ingest?name=lines&${from}&format=groups&sampleRate=10`, "main;a 2\n")).status).toBe(200);
    const { coverage } = await get<FlameAnswer>(`flamegraph?query=${encodeURIComponent('{service_name="lines"}')}`);
    expect(coverage.total).toBe(5 * 100_000_000);
  });

  test.for([
    ["app.wall", "", "wall", 2 * 10_000_000],
    ["app.alloc_space", "", "alloc_space", 2],
    ["app", "&units=lock_nanoseconds", "delay", 2],
    ["app.goroutines", "&units=samples", "goroutine", 2],
  ] as const)("%s%s counts %s", async ([app, units, type, total]) => {
    await post(`ingest?name=${app}&from=${NOW / 1000 - 60}&format=folded${units}`, "main;a 2\n");
    const query = encodeURIComponent('{service_name="app"}');
    expect((await get<FlameAnswer>(`flamegraph?type=${type}&query=${query}`)).coverage.total).toBe(total);
  });

  test("types are called as sample_type_config has it", async () => {
    const config = {
      samples: { "display-name": "exceptions" },
      cpu: { units: "samples", "display-name": "lock_duration" },
    };
    const form = new FormData();
    form.append("profile", new Blob([read("formats/go-cpu.pb.gz")]), "profile.pprof");
    form.append("sample_type_config", new Blob([JSON.stringify(config)]), "sample_type_config.json");
    expect((await post(`ingest?name=${name}&from=${NOW / 1000 - 60}`, form)).status).toBe(200);
    const { types } = await get<ProfileTypesAnswer>(`profile_types?${ALWAYS}`);
    expect(types.map(({ id }) => id)).toEqual(["delay", "exceptions"]);
  });

  test.for([
    ["JFR", `ingest?name=${name}&format=jfr`, "x", "async-profiler"],
    ["a form with JFR", `ingest?name=${name}`, formOf("jfr"), "async-profiler"],
    ["JFR by its bytes", "api/v1/ingest", "FLR\0\0\x02", "async-profiler"],
    ["tries of old agents", `ingest?name=${name}&format=trie`, "x", "Update"],
    ["profiles since the start", `ingest?name=${name}`, formOf("profile", "prev_profile"), "Update"],
    ["a format of nobody", `ingest?name=${name}&format=nettrace`, "x", "pprof"],
  ] as const)("can't read %s, and says what can be sent instead", async ([, path, body, remedy]) => {
    const response = await post(path, body);
    expect(response.status).toBe(415);
    const { error } = (await response.json()) as ErrorAnswer;
    expect(error).toMatchObject({ kind: "unsupported", remedy: expect.stringContaining(remedy) as string });
  });

  test("a type of body of old agents is refused as well", async () => {
    const headers = { "content-type": "binary/octet-stream+tree" };
    expect((await post(`ingest?name=${name}`, "x", headers)).status).toBe(415);
  });

  test("takes pprof as body and as part of a form", async () => {
    const path = `ingest?name=${name}&from=${NOW / 1000 - 60}&until=${NOW / 1000}&format=pprof`;
    const form = new FormData();
    form.append("profile", new Blob([read("formats/go-cpu.pb.gz")]), "profile.pprof");
    form.append("sample_type_config", "{}");
    expect((await post(path, form)).status).toBe(200);
    expect((await post(path, read("formats/go-cpu.pb.gz"))).status).toBe(200);
    const query = encodeURIComponent('{service_name="shop.cart"}');
    const { coverage } = await get<FlameAnswer>(`flamegraph?query=${query}&${ALWAYS}`);
    expect(coverage.total).toBeGreaterThan(0);
  });

  test.for([
    ["no name", "ingest", "main 1"],
    ["a wrong name", `ingest?name=${encodeURIComponent("a{b")}`, "main 1"],
    ["a form without a profile", `ingest?name=${name}`, new FormData()],
    ["a wrong sample_type_config", `ingest?name=${name}`, formOf("profile", "sample_type_config")],
  ] as const)("refuses %s", async ([, path, body]) => {
    expect((await post(path, body)).status).toBe(400);
  });
});
