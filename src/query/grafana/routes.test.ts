import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { FlameAnswer, TopAnswer } from "../api.ts";
import { DEMO_NOW, type DemoApi, demoApi } from "../testing/demo-api.ts";
import type { Message } from "./messages.ts";
import { pprofProfile } from "./pprof-message.ts";
import * as messages from "./querier-messages.ts";

const ROOT = join(import.meta.dirname, "../../../testdata/grafana");
const QUERIER = "querier.v1.QuerierService";
const CPU = "process_cpu:cpu:nanoseconds:cpu:nanoseconds";

const HALF_HOUR_MS = 1_800_000;

interface DiffGraph {
  readonly leftTicks: string;
  readonly rightTicks: string;
  readonly levels: readonly { readonly values: readonly string[] }[];
}

interface RenderedDiff {
  readonly metadata: unknown;
  readonly leftTicks: number;
  readonly rightTicks: number;
  readonly flamebearer: { readonly numTicks: number; readonly levels: readonly (readonly number[])[] };
}

/** A call as it was recorded. */
interface RecordedCall {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  /** What the client understood. */
  readonly answer: unknown;
}

const answers = new Map(
  readFileSync(join(ROOT, "answers.jsonl"), "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as { readonly method: string; readonly answer: unknown })
    .map(({ method, answer }) => [method, answer]),
);
const calls: readonly RecordedCall[] = readdirSync(join(ROOT, "requests"))
  .filter((file) => file.endsWith(".json"))
  .map((file) => {
    const method = file.slice(0, -5);
    const described = JSON.parse(readFileSync(join(ROOT, "requests", file), "utf8")) as Pick<
      RecordedCall,
      "path" | "headers"
    >;
    const body = readFileSync(join(ROOT, "requests", `${method}.bin`));
    return { method, ...described, body, answer: answers.get(method) };
  });

const responses: Readonly<Record<string, (bytes: Uint8Array) => unknown>> = {
  ProfileTypes: decoding(messages.profileTypesResponse),
  LabelNames: decoding(messages.namesResponse),
  LabelValues: decoding(messages.namesResponse),
  Series: decoding(messages.seriesResponse),
  SelectSeries: decoding(messages.selectSeriesResponse),
  SelectMergeStacktraces: decoding(messages.flameGraphResponse),
  SelectMergeSpanProfile: decoding(messages.flameGraphResponse),
  SelectMergeProfile: (bytes) => pprofProfile.toJson(bytes),
  Diff: decoding(messages.diffResponse),
  SelectHeatmap: decoding(messages.selectHeatmapResponse),
  GetProfileStats: decoding(messages.getProfileStatsResponse),
  Push: decoding(messages.empty),
};

let api: DemoApi;

beforeAll(async () => {
  api = await demoApi();
});

afterAll(() => api.store.close());

describe("calls of Grafana's data source", () => {
  test.for(calls)("$method is answered as the recorded client understood it", async (call) => {
    const { "accept-encoding": _encoding, ...headers } = call.headers;
    const response = await api.fetch(call.path.slice(1), { method: "POST", headers, body: new Uint8Array(call.body) });
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("application/proto");
    const body = new Uint8Array(await response.arrayBuffer());
    expect(responses[call.method]!(body)).toEqual(call.answer);
  });

  test("the graph is that of the API: widths, own values, names", async () => {
    const asked = { profileTypeID: CPU, labelSelector: '{service_name="pricing"}', maxNodes: "100000" };
    const { flamegraph } = (await json("SelectMergeStacktraces", asked)) as {
      readonly flamegraph: { names: string[]; levels: { values: string[] }[]; total: string; maxSelf: string };
    };
    const query = encodeURIComponent(asked.labelSelector);
    const graph = await api.get<FlameAnswer>(`flamegraph?query=${query}`);
    const { rows } = await api.get<TopAnswer>(`top?query=${query}&limit=10000`);
    expect(Number(flamegraph.total)).toBe(graph.nodes.total[0]);
    const self = new Map<string, number>();
    let boxes = 0;
    for (const { values } of flamegraph.levels) {
      for (let at = 0; at < values.length; at += 4) {
        const name = flamegraph.names[Number(values[at + 3])]!;
        self.set(name, (self.get(name) ?? 0) + Number(values[at + 2]));
        boxes++;
      }
    }
    expect(boxes).toBe(graph.nodes.frame.length);
    for (const row of rows) expect(self.get(row.frame.name), row.frame.name).toBe(row.self);
  });

  test("each series is of a service: the one that is told, else its workload, container or process", async () => {
    const { names } = (await json("LabelValues", { name: "service_name", matchers: [] })) as { names: string[] };
    expect(names).toEqual(expect.arrayContaining(["pricing", "kubelet", "containerd"]));
    const grouped = { profileTypeID: CPU, labelSelector: "{}", groupBy: ["service_name"], step: 3600 };
    const { series } = (await json("SelectSeries", grouped)) as { series: { points: { value: number }[] }[] };
    const { coverage } = await api.get<FlameAnswer>("flamegraph");
    const sum = series.flatMap(({ points }) => points).reduce((total, { value }) => total + value, 0);
    expect(sum).toBeCloseTo(coverage.total, -3);
    const selector = encodeURIComponent('{process="kubelet"}');
    const own = await api.get<FlameAnswer>(`flamegraph?query=${selector}`);
    const asked = { profileTypeID: CPU, labelSelector: '{service_name="kubelet"}' };
    const { flamegraph } = (await json("SelectMergeStacktraces", asked)) as { flamegraph: { total: string } };
    expect(Number(flamegraph.total)).toBe(own.coverage.total);
  });

  test("the profile type is a label like others", async () => {
    const { names } = (await json("LabelValues", { name: "__profile_type__", matchers: [] })) as { names: string[] };
    expect(names).toContain(CPU);
    const matchers = ['{__profile_type__=~"memory:.*"}'];
    expect(await json("LabelValues", { name: "__profile_type__", matchers })).toEqual({
      names: ["memory:inuse_space:bytes:space:bytes"],
    });
    expect(await json("LabelValues", { name: "namespace", matchers: ['{__type__="wall"}'] })).toEqual({});
    expect(await json("LabelNames", { matchers: ['{__name__="process_cpu"}'] })).toHaveProperty("names");
  });

  test("a comparison has both graphs' values on one tree", async () => {
    const asked = { profileTypeID: CPU, labelSelector: '{service_name="pricing"}' };
    const left = { ...asked, end: String(DEMO_NOW - HALF_HOUR_MS) };
    const right = { ...asked, start: String(DEMO_NOW - HALF_HOUR_MS) };
    const { flamegraph } = (await json("Diff", { left, right })) as { flamegraph: DiffGraph };
    const totals = await Promise.all(
      [left, right].map(async (side) => {
        const graph = (await json("SelectMergeStacktraces", side)) as { flamegraph: { total: string } };
        return graph.flamegraph.total;
      }),
    );
    expect([flamegraph.leftTicks, flamegraph.rightTicks]).toEqual(totals);
    for (const [offset, total] of [flamegraph.leftTicks, flamegraph.rightTicks].entries()) {
      let self = 0;
      for (const { values } of flamegraph.levels) {
        for (let at = 0; at < values.length; at += 7) self += Number(values[at + offset * 3 + 2]);
      }
      expect(self).toBe(Number(total));
    }
  });

  test("Grafana's app compares by an address of its own", async () => {
    const query = encodeURIComponent(`${CPU}{service_name="pricing"}`);
    const edge = DEMO_NOW - HALF_HOUR_MS;
    const times = `leftFrom=${edge - HALF_HOUR_MS}&leftUntil=${edge}&rightFrom=${edge}&rightUntil=${DEMO_NOW}`;
    const path = `pyroscope/render-diff?leftQuery=${query}&rightQuery=${query}&${times}&max-nodes=50`;
    const answer = (await (await api.fetch(path)).json()) as RenderedDiff;
    expect(answer.metadata).toMatchObject({ format: "double", units: "samples", sampleRate: 1_000_000_000 });
    expect(answer.leftTicks + answer.rightTicks).toBe(answer.flamebearer.numTicks);
    expect(answer.flamebearer.levels[0]).toEqual([0, answer.leftTicks, 0, 0, answer.rightTicks, 0, 0]);
    const nothing = path.replaceAll("process_cpu%3Acpu", "wall%3Awall");
    expect(await (await api.fetch(nothing)).json()).toMatchObject({ leftTicks: 0, rightTicks: 0 });
    const wrong = await api.fetch("pyroscope/render-diff?leftQuery=a&rightQuery=b");
    expect(wrong.status).toBe(400);
    expect(await wrong.json()).toMatchObject({ error: { kind: "invalid" } });
  });

  test("stacks can be those below a call site", async () => {
    const asked = { profileTypeID: CPU, labelSelector: '{namespace="web"}' };
    type Graph = { readonly flamegraph?: { readonly names: string[]; readonly total: string } };
    const all = (await json("SelectMergeStacktraces", asked)) as Required<Graph>;
    const at = (...names: string[]) => ({ stackTraceSelector: { call_site: names.map((name) => ({ name })) } });
    const below = (await json("SelectMergeStacktraces", { ...asked, ...at("node") })) as Required<Graph>;
    expect(Number(below.flamegraph.total)).toBeLessThan(Number(all.flamegraph.total));
    const query = encodeURIComponent('{namespace="web",process="node"}');
    expect(Number(below.flamegraph.total)).toBe(
      (await api.get<FlameAnswer>(`flamegraph?query=${query}`)).coverage.total,
    );
    expect(await json("SelectMergeStacktraces", { ...asked, ...at("node", "no such function") })).toEqual({});
  });

  test("settings that the app asks for are its defaults", async () => {
    const headers = { "content-type": "application/json" };
    const response = await api.fetch("settings.v1.SettingsService/Get", { method: "POST", headers, body: "{}" });
    expect(await response.json()).toEqual({});
  });

  test.for([
    ["AnalyzeQuery", {}],
    ["SelectMergeStacktraces", { profileTypeID: CPU, profileIdSelector: ["7c9e6679-7425-40de-944b-e07fc1f90ae7"] }],
    ["SelectMergeProfile", { profileTypeID: CPU, stackTraceSelector: { goPgo: { keepLocations: 5 } } }],
    ["SelectSeries", { profileTypeID: CPU, stackTraceSelector: { callSite: [{ name: "main" }] }, step: 15 }],
    ["SelectHeatmap", { profileTypeID: CPU, queryType: "HEATMAP_QUERY_TYPE_SPAN", step: 15 }],
  ] as const)("what %s can't answer is refused, so that clients do without", async ([method, asked]) => {
    const response = await post(method, JSON.stringify(asked));
    expect(response.status).toBe(501);
    expect(await response.json()).toMatchObject({ code: "unimplemented" });
  });

  test("JSON is understood as well, with names of either spelling", async () => {
    const answer = await json("LabelValues", { name: "namespace", matchers: ['{workload_kind="StatefulSet"}'] });
    expect(answer).toEqual({ names: ["checkout", "data"] });
    const spelled = await json("SelectSeries", { profile_typeID: CPU, label_selector: "{}", step: 3600 });
    expect(spelled).toHaveProperty("series");
  });

  test("compressed requests are understood", async () => {
    const response = await api.fetch(`${QUERIER}/LabelNames`, {
      method: "POST",
      headers: { "content-type": "application/json", "content-encoding": "gzip" },
      body: gzipSync("{}"),
    });
    expect(await response.json()).toHaveProperty("names");
  });

  test("a type of which there is nothing has an empty answer, not an error", async () => {
    const asked = { profileTypeID: "wall:wall:nanoseconds:wall:nanoseconds", labelSelector: "{}" };
    expect(await json("SelectMergeStacktraces", asked)).toEqual({});
    expect(await json("SelectSeries", { ...asked, step: 15 })).toEqual({});
  });

  test.for([
    ["a selector", { profileTypeID: CPU, labelSelector: "{" }, 400, "invalid_argument"],
    ["a type", { profileTypeID: "cpu", labelSelector: "{}" }, 400, "invalid_argument"],
    ["a step", { profileTypeID: CPU, labelSelector: "{}", step: 0.001 }, 400, "out_of_range"],
    ["a field", { profileTypeID: 7 }, 400, "invalid_argument"],
  ] as const)("what is wrong with %s is told in Connect's words", async ([, asked, status, code]) => {
    const response = await post("SelectSeries", JSON.stringify(asked));
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ code, message: expect.any(String) as string });
  });

  test("requests with any byte changed are answered", async () => {
    for (const { path, headers, body } of calls.filter(({ method }) => method !== "Push")) {
      for (let at = 0; at < body.length; at += 5) {
        const changed = new Uint8Array(body);
        changed[at] = changed[at]! ^ (1 << (at % 8));
        const response = await api.fetch(path.slice(1), { method: "POST", headers, body: changed });
        expect([200, 400]).toContain(response.status);
        await response.arrayBuffer();
      }
    }
  });
});

test("a pushed profile is stored under the labels that it was pushed with", async () => {
  const from = encodeURIComponent("2020-01-01");
  const query = encodeURIComponent('{service_name="pushed"}');
  const { coverage } = await api.get<FlameAnswer>(`flamegraph?query=${query}&from=${from}&to=now%2B1d`);
  expect(coverage.total).toBeGreaterThan(0);
});

function post(method: string, body: string): Promise<Response> {
  const headers = { "content-type": "application/json" };
  return api.fetch(`${QUERIER}/${method}`, { method: "POST", headers, body });
}

async function json(method: string, asked: unknown): Promise<unknown> {
  const response = await post(method, JSON.stringify(asked));
  expect(response.status).toBe(200);
  return response.json();
}

function decoding<T extends object>({ decode, toJson }: Message<T>): (bytes: Uint8Array) => unknown {
  return (bytes) => {
    const value = decode(bytes);
    return value === undefined ? undefined : toJson(value);
  };
}
