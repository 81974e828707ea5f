import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { formatNamed } from "#formats";
import { ParseError } from "#otlp";
import type {
  Coverage,
  DiffAnswer,
  ErrorAnswer,
  FlameAnswer,
  HeatmapAnswer,
  LabelsAnswer,
  LabelValuesAnswer,
  ProfileTypesAnswer,
  SandwichAnswer,
  StatusAnswer,
  TimelineAnswer,
  TopAnswer,
  TreeAnswer,
  UnattributedAnswer,
} from "../api.ts";
import { focusPath } from "../frame-key.ts";
import { DEMO_NOW, type DemoApi, demoApi } from "../testing/demo-api.ts";

const HOUR_MS = 3_600_000;

let api: DemoApi;

beforeAll(async () => {
  api = await demoApi();
});

afterAll(() => api.store.close());

describe("profile types and labels", () => {
  test("types say their unit, and whether they are cores", async () => {
    const { types } = await api.get<ProfileTypesAnswer>("profile_types");
    expect(types).toEqual([
      { id: "cpu", unit: "nanoseconds", aggregation: "sum", cores: true },
      { id: "inuse_space", unit: "bytes", aggregation: "mean", cores: false },
      { id: "off_cpu", unit: "nanoseconds", aggregation: "sum", cores: false },
    ]);
  });

  test("labels are those of series, and the process", async () => {
    const { labels } = await api.get<LabelsAnswer>("labels");
    expect(labels).toEqual(expect.arrayContaining(["namespace", "pod", "process", "workload_name"]));
  });

  test("values of a label are those that a selection has", async () => {
    expect(await api.get<LabelValuesAnswer>("labels/namespace/values")).toEqual({
      values: ["checkout", "data", "kube-system", "web"],
      truncated: false,
    });
    const query = encodeURIComponent('{namespace="web"}');
    const { values } = await api.get<LabelValuesAnswer>(`labels/k8s.deployment.name/values?query=${query}`);
    expect(values).toEqual(["assets", "storefront"]);
  });

  test("processes are values of a label although they are no series", async () => {
    const query = encodeURIComponent('{origin="host"}');
    const { values } = await api.get<LabelValuesAnswer>(`labels/process/values?query=${query}`);
    expect(values).toEqual(["containerd", "kubelet", "systemd-journald"]);
  });

  test("a list that is cut says so", async () => {
    const answer = await api.get<LabelValuesAnswer>("labels/namespace/values?limit=2");
    expect(answer).toEqual({ values: ["checkout", "data"], truncated: true });
  });
});

describe("tree", () => {
  let tree: TreeAnswer;

  beforeAll(async () => {
    tree = await api.get<TreeAnswer>("tree");
  });

  test("begins with the sum over everything and has each level below it", () => {
    expect(tree.rows[0]).toMatchObject({ level: "node", depth: 0, query: "", share: 1 });
    const levels = new Set(tree.rows.map(({ level }) => level));
    expect([...levels].sort()).toEqual(
      [
        "cluster",
        "container",
        "host",
        "kernel",
        "namespace",
        "node",
        "pod",
        "process",
        "revision",
        "unattributed",
        "workload",
      ].sort(),
    );
  });

  test("children add up to their row, in value and in cores", () => {
    for (const [at, row] of tree.rows.entries()) {
      const children = childrenOf(tree, at);
      expect(children).toHaveLength(row.children);
      if (children.length > 0) expect(sum(children.map(({ value }) => value))).toBeCloseTo(row.value, -3);
    }
    expect(tree.rows[0]!.cores).toBeCloseTo(tree.rows[0]!.value / 1e6 / (tree.coverage.to - tree.coverage.from), 6);
  });

  test("sparklines add up to their row", () => {
    for (const { spark, value, level } of tree.rows) if (level !== "process") expect(sum(spark)).toBeCloseTo(value, -3);
  });

  test("the query of each row selects exactly that row", async () => {
    for (const { query, value, name } of tree.rows.filter((_row, at) => at % 7 === 0)) {
      const { rows } = await api.get<TreeAnswer>(`tree?query=${encodeURIComponent(query)}`);
      expect(rows[0]!.value, `${name} ${query}`).toBeCloseTo(value, -3);
    }
  });

  test("a limit keeps the heaviest rows and says what it left out", async () => {
    const cut = await api.get<TreeAnswer>("tree?limit=10");
    expect(cut.rows.filter(({ remainder }) => !remainder)).toHaveLength(10);
    expect(cut.omitted).toBe(tree.rows.length - 10);
    for (const [at, row] of cut.rows.entries()) {
      const children = childrenOf(cut, at);
      if (children.length > 0) expect(sum(children.map(({ value }) => value))).toBeCloseTo(row.value, -3);
    }
  });

  test("says what is not attributed, not named, truncated: as the flame graph does", async () => {
    const { coverage } = await api.get<FlameAnswer>("flamegraph");
    expect(coverage.truncated).toBeGreaterThan(0);
    for (const question of ["tree", "timeline", "timeline?group_by=process&step=5m", "unattributed"]) {
      const answer = await api.get<{ coverage: Coverage }>(question);
      expect([question, answer.coverage.truncated]).toEqual([question, coverage.truncated]);
    }
    expect(tree.coverage).toMatchObject({ total: tree.rows[0]!.value, lost: 0, gaps: [] });
    const row = (name: string) => tree.rows.find((each) => each.name === name)!;
    expect(tree.coverage.unattributed).toBe(row("Unattributed").value);
    expect(tree.coverage.unnamed).toBe(row("Unnamed containers").value);
  });
});

describe("timeline", () => {
  test("lines are the heaviest groups, and the rest is one more", async () => {
    const answer = await api.get<TimelineAnswer>("timeline?group_by=namespace&limit=2");
    expect(answer.series.map(({ name }) => name)).toEqual(["checkout", "web", expect.stringMatching(/^\d+ more$/)]);
    expect(answer.series.map(({ remainder }) => remainder)).toEqual([false, false, true]);
    for (const { values } of answer.series) expect(values).toHaveLength(answer.slots);
  });

  test("values are cores where the type is CPU time", async () => {
    const { series, step, cores, coverage } = await api.get<TimelineAnswer>("timeline");
    expect(cores).toBe(true);
    expect(sum(series[0]!.values) * step * 1e6).toBeCloseTo(coverage.total, -6);
  });

  test("deployments and restarts are marked when they began", async () => {
    const { marks, step } = await api.get<TimelineAnswer>("timeline");
    const near = (minutesAgo: number) => {
      const time = DEMO_NOW - minutesAgo * 60_000;
      return marks.filter((mark) => Math.abs(mark.time - time) <= 2 * step).map(({ kind, name }) => `${kind} ${name}`);
    };
    expect(near(20)).toEqual([expect.stringMatching(/^revision pricing /)]);
    expect(near(35)).toEqual([expect.stringMatching(/^revision storefront /)]);
    expect(near(12)).toEqual([expect.stringMatching(/^restart orders-/)]);
    expect(near(41)).toEqual(["restart search-0 / search"]);
    expect(marks).toHaveLength(4);
  });

  test("processes have a timeline although they are no series", async () => {
    const query = encodeURIComponent('{origin="host"}');
    const { series, coverage } = await api.get<TimelineAnswer>(`timeline?query=${query}&group_by=process`);
    expect(series.map(({ name }) => name)).toEqual(["kubelet", "containerd", "systemd-journald"]);
    const whole = await api.get<TimelineAnswer>(`timeline?query=${query}`);
    expect(coverage.total).toBeCloseTo(whole.coverage.total, -3);
  });

  test("a timeline of processes has the marks of their containers", async () => {
    const { marks } = await api.get<TimelineAnswer>("timeline?group_by=process");
    expect(marks).toEqual((await api.get<TimelineAnswer>("timeline")).marks);
    const query = encodeURIComponent('{process="node"}');
    expect((await api.get<TimelineAnswer>(`timeline?query=${query}`)).marks).toEqual(marks);
  });

  test("too many steps are refused with what to do", async () => {
    const response = await api.fetch("api/v1/timeline?step=1s&from=now-1d");
    expect(response.status).toBe(422);
    expect(((await response.json()) as ErrorAnswer).error.remedy).toContain("longer step");
  });
});

describe("flame graph", () => {
  test("children come heaviest first, contiguous, and add up to no more than their parent", async () => {
    const { nodes, frames, coverage } = await api.get<FlameAnswer>("flamegraph");
    let next = 1;
    nodes.children.forEach((count, at) => {
      const children = nodes.total.slice(next, next + count);
      expect(sum(children)).toBeLessThanOrEqual(nodes.total[at]!);
      expect(children).toEqual(children.toSorted((a, b) => b - a));
      next += count;
    });
    expect(next).toBe(nodes.frame.length);
    expect(Math.max(...nodes.frame)).toBe(frames.length - 1);
    expect(nodes.total[0]).toBe(coverage.total);
    expect(coverage.truncated).toBeGreaterThan(0);
  });

  test("pruning leaves an explicit remainder that makes up the difference", async () => {
    const whole = await api.get<FlameAnswer>("flamegraph");
    const pruned = await api.get<FlameAnswer>("flamegraph?max_nodes=50");
    expect(pruned.nodes.frame.filter((frame) => frame !== -2)).toHaveLength(50);
    expect(pruned.omitted).toBeGreaterThanOrEqual(whole.nodes.frame.length - 50);
    expect(pruned.nodes.total[0]).toBe(whole.nodes.total[0]);
    expect(selfSum(pruned)).toBe(selfSum(whole) - remainders(pruned) + remainders(whole));
    expect(remainders(pruned)).toBeGreaterThan(0);
  });

  test("a least share leaves out what is below it", async () => {
    const { nodes } = await api.get<FlameAnswer>("flamegraph?min_share=0.05");
    nodes.total.forEach((total, at) => {
      if (nodes.frame[at] !== -2) expect(total).toBeGreaterThanOrEqual(nodes.total[0]! * 0.05);
    });
  });

  test("groups become the outermost frames", async () => {
    const { nodes, frames } = await api.get<FlameAnswer>("flamegraph?group_by=namespace");
    const outermost = nodes.frame.slice(1, 1 + nodes.children[0]!).map((frame) => frames[frame]!);
    expect(outermost.map(({ name }) => name).sort()).toEqual(["(none)", "checkout", "data", "kube-system", "web"]);
    expect(new Set(outermost.map(({ type }) => type))).toEqual(new Set(["group"]));
  });

  test("lines can be kept apart", async () => {
    const byFunction = await api.get<FlameAnswer>("flamegraph");
    const byLine = await api.get<FlameAnswer>("flamegraph?granularity=line");
    expect(byLine.frames.length).toBeGreaterThan(byFunction.frames.length);
    expect(byFunction.frames.every(({ line }) => line === 0)).toBe(true);
    expect(byLine.nodes.total[0]).toBe(byFunction.nodes.total[0]);
  });

  test("what was left out below a node can be asked for", async () => {
    const culled = await api.get<FlameAnswer>("flamegraph?max_nodes=3");
    const path = focusPath([culled.frames[culled.nodes.frame[1]!]!]);
    const { nodes, frames, coverage } = await api.get<FlameAnswer>(`flamegraph?focus=${path}`);
    expect(nodes.children[0]).toBe(1);
    expect(frames[nodes.frame[1]!]).toEqual(culled.frames[culled.nodes.frame[1]!]);
    expect(nodes.total.slice(0, 2)).toEqual([culled.nodes.total[1], culled.nodes.total[1]]);
    expect(nodes.total.length).toBeGreaterThan(10);
    expect(coverage.total).toBe(culled.nodes.total[0]);
    const both = await api.get<DiffAnswer>(`diff?focus=${path}`);
    expect(both.nodes.other).toEqual(both.nodes.total);
    expect(both.nodes.total).toEqual(nodes.total);
  });

  test("a way to a node that is none is refused, and so is folded text of one node", async () => {
    for (const query of ["focus=main", "focus=00000000&format=folded"]) {
      expect((await api.fetch(`api/v1/flamegraph?${query}`)).status).toBe(400);
    }
  });

  test("folded text holds the same values", async () => {
    const { nodes } = await api.get<FlameAnswer>("flamegraph");
    const text = await (await api.fetch("api/v1/flamegraph?format=folded")).text();
    const values = text
      .trimEnd()
      .split("\n")
      .map((line) => Number(line.slice(line.lastIndexOf(" ") + 1)));
    expect(sum(values)).toBe(nodes.total[0]);
  });

  test("one process of a container can be looked at alone", async () => {
    const query = encodeURIComponent('{namespace="web",process="node"}');
    const { nodes, frames } = await api.get<FlameAnswer>(`flamegraph?query=${query}`);
    expect(nodes.children[0]).toBe(1);
    expect(frames[nodes.frame[1]!]).toMatchObject({ name: "node", type: "process" });
    const none = encodeURIComponent('{namespace="web",process=~"py.*"}');
    expect((await api.get<FlameAnswer>(`flamegraph?query=${none}`)).nodes.total).toEqual([0]);
  });
});

describe("top table", () => {
  test("self values add up to everything that is no process or mark", async () => {
    const { rows, omitted, coverage } = await api.get<TopAnswer>("top?limit=10000");
    expect(omitted).toBe(0);
    expect(sum(rows.map(({ self }) => self))).toBe(coverage.total);
    for (const { total, self } of rows) expect(total).toBeGreaterThanOrEqual(self);
    expect(rows.map(({ self }) => self)).toEqual(rows.map(({ self }) => self).toSorted((a, b) => b - a));
  });

  test("recursion counts once", async () => {
    const { rows, coverage } = await api.get<TopAnswer>("top?limit=10000");
    for (const { total } of rows) expect(total).toBeLessThanOrEqual(coverage.total);
  });

  test("compares two selections where it is given a second one", async () => {
    const { rows } = await api.get<TopAnswer>(`top?${DIFF}`);
    expect(rows[0]).toHaveProperty("otherSelf");
  });
});

const DIFF = `query=${encodeURIComponent('{workload_name="pricing"}')}&from=now-60m&to=now-25m&other_from=now-18m&other_to=now`;

describe("diff", () => {
  test("has both selections' values on one tree", async () => {
    const { nodes, coverage, otherCoverage } = await api.get<DiffAnswer>(`diff?${DIFF}`);
    expect(nodes.other).toHaveLength(nodes.total.length);
    expect(nodes.total[0]).toBe(coverage.total);
    expect(nodes.other![0]).toBe(otherCoverage.total);
    expect(coverage.total).not.toBe(otherCoverage.total);
  });

  test("relative to the first, the second has its sum", async () => {
    const { nodes, otherCoverage } = await api.get<DiffAnswer>(`diff?${DIFF}&mode=relative`);
    expect(Math.abs(nodes.other![0]! - nodes.total[0]!)).toBeLessThanOrEqual(1);
    expect(otherCoverage.total).not.toBe(nodes.other![0]);
  });

  test("a selection and itself have no difference", async () => {
    const { nodes } = await api.get<DiffAnswer>("diff");
    expect(nodes.other).toEqual(nodes.total);
  });
});

describe("sandwich", () => {
  test("callers and callees of a function have its total", async () => {
    const { rows } = await api.get<TopAnswer>("top");
    const [{ frame, total }] = rows as [TopAnswer["rows"][number]];
    const { callers, callees } = await api.get<SandwichAnswer>(`sandwich?function=${encodeURIComponent(frame.name)}`);
    expect(callers.nodes.total[0]).toBe(total);
    expect(callees.nodes.total[0]).toBe(total);
    expect(callers.frames[callers.nodes.frame[1]!]!.name).toBe(frame.name);
    expect(callees.frames[callees.nodes.frame[1]!]!.name).toBe(frame.name);
  });

  test("a function that nobody called has an empty answer", async () => {
    const { callers, callees } = await api.get<SandwichAnswer>("sandwich?function=no_such_function");
    expect(callers.nodes.total).toEqual([0]);
    expect(callees.nodes.total).toEqual([0]);
  });
});

describe("heat map", () => {
  test("cells add up to the selection", async () => {
    const answer = await api.get<HeatmapAnswer>("heatmap?from=now-60s&rows=20");
    expect(answer).toMatchObject({ columns: 60, rows: 20, step: 50 });
    expect(sum(answer.values)).toBe(answer.coverage.total);
    expect(Math.max(...answer.values)).toBe(answer.max);
  });

  test("a long time is refused with how much is possible", async () => {
    const response = await api.fetch("api/v1/heatmap?from=now-1d");
    expect(response.status).toBe(422);
    expect(((await response.json()) as ErrorAnswer).error.remedy).toContain("5000 seconds");
  });
});

describe("export", () => {
  test.for(["pprof", "folded", "speedscope"] as const)(
    "%s is read by its reader and has the whole sum",
    async (format) => {
      const response = await api.fetch(`api/v1/export?format=${format}`);
      expect(response.headers.get("content-disposition")).toMatch(/filename="podflame-cpu-20261122-1100/);
      const model = formatNamed(format)!.read!(new Uint8Array(await response.arrayBuffer()));
      if (model instanceof ParseError) throw model;
      let total = 0n;
      for (const { scopes } of model.resources) {
        for (const { profiles } of scopes) {
          for (const { samples } of profiles) for (const value of samples.values) total += value;
        }
      }
      const { coverage } = await api.get<FlameAnswer>("flamegraph");
      expect(Number(total)).toBe(coverage.total);
    },
  );

  test("OTLP that goes in again gives the same graph, names and all", async () => {
    const query = encodeURIComponent('{namespace="checkout"}');
    const exported = await api.fetch(`api/v1/export?format=otlp&query=${query}`);
    const bytes = new Uint8Array(await exported.arrayBuffer());
    const second = await demoApi();
    try {
      const { coverage } = await api.get<TreeAnswer>(`tree?query=${query}`);
      const before = await second.get<TreeAnswer>(`tree?query=${query}`);
      await second.store.append({ bytes, receivedAt: DEMO_NOW });
      const after = await second.get<TreeAnswer>(`tree?query=${query}`);
      expect(after.coverage.total - before.coverage.total).toBeCloseTo(coverage.total, -3);
      const names = (tree: TreeAnswer) =>
        tree.rows.map(({ level, name, query: each }) => `${level} ${name} ${each}`).sort();
      expect(names(after)).toEqual(names(before));
    } finally {
      await second.store.close();
    }
  });
});

describe("unattributed", () => {
  test("lists containers without a name and samples without an owner, with why and what to do", async () => {
    const { rows, coverage } = await api.get<UnattributedAnswer>("unattributed");
    expect(rows).toHaveLength(3);
    expect(rows.filter(({ what }) => /^[0-9a-f]{64}$/.test(what))).toHaveLength(2);
    expect(sum(rows.map(({ value }) => value))).toBe(coverage.unnamed + coverage.unattributed);
    for (const row of rows) {
      expect(row.reason).not.toBe("");
      expect(row.remedy).not.toBe("");
      expect(row.samples).toBe(row.value / 200_000_000);
      expect(row.lastSeen).toBeGreaterThan(DEMO_NOW - 120_000);
    }
  });

  test("each row's query selects what it is about", async () => {
    const { rows } = await api.get<UnattributedAnswer>("unattributed");
    for (const { query, value } of rows) {
      const { coverage } = await api.get<FlameAnswer>(`flamegraph?query=${encodeURIComponent(query)}`);
      expect(coverage.total).toBe(value);
    }
  });
});

describe("status", () => {
  test("tells what can be seen and what the store holds", async () => {
    const status = await api.get<StatusAnswer>("status");
    expect(status).toMatchObject({ version: "test", mode: { kind: "live" }, files: [], damaged: [], lost: {} });
    expect(status.visibleUpTo).toBeGreaterThan(DEMO_NOW - 10_000);
    expect(status.oldest).toBeGreaterThanOrEqual(DEMO_NOW - HOUR_MS);
  });
});

describe("requests that are wrong", () => {
  test.for([
    ["query", "flamegraph?query=%7Bnamespace%3D"],
    ["time", "flamegraph?from=yesterday"],
    ["empty time", "flamegraph?from=now&to=now-1h"],
    ["number", "flamegraph?max_nodes=many"],
    ["share", "flamegraph?min_share=2"],
    ["format", "flamegraph?format=xml"],
    ["step", "timeline?step=soon"],
    ["step of nothing", "timeline?step=0"],
    ["label", "timeline?group_by=a%20b"],
    ["link", "flamegraph?link=nothex"],
    ["missing function", "sandwich"],
    ["time beyond the calendar", `flamegraph?from=${"9".repeat(30)}`],
    ["unknown parameter", "flamegraph?namespace=shop"],
    ["parameter of another question", "timeline?link=00f067aa0ba902b7"],
  ] as const)("are told what is wrong with their %s and what to do", async ([, path]) => {
    const response = await api.fetch(`api/v1/${path}`);
    expect(response.status).toBe(400);
    const { error } = (await response.json()) as ErrorAnswer;
    expect(error.kind).toBe("invalid");
    expect(error.message).not.toBe("");
    expect(error.remedy).not.toBe("");
  });

  test("the parameter that is wrong is named", async () => {
    for (const [path, name] of [
      ["flamegraph?to=tomorrow", "parameter to "],
      ["diff?other_from=soon", "parameter other_from "],
      ["timeline?step=often", "parameter step "],
      ["tree?selector=%7B%7D", "parameter selector "],
    ] as const) {
      const { error } = (await (await api.fetch(`api/v1/${path}`)).json()) as ErrorAnswer;
      expect(error.message).toContain(name);
    }
  });

  test("a path with the wrong method says the right one", async () => {
    for (const [method, path] of [
      ["POST", "api/v1/tree"],
      ["GET", "api/v1/ingest"],
      ["PUT", "api/v1/labels/pod/values"],
    ] as const) {
      const response = await api.fetch(path, { method });
      expect(response.status).toBe(405);
      const { error } = (await response.json()) as ErrorAnswer;
      expect(error.kind).toBe("method");
      expect(error.remedy).toBe(method === "GET" ? "Send POST." : "Send GET.");
    }
  });

  test("a type that isn't there is not found, and the answer says which are", async () => {
    const response = await api.fetch("api/v1/flamegraph?type=wall");
    expect(response.status).toBe(404);
    expect(((await response.json()) as ErrorAnswer).error.remedy).toBe("There are: cpu, inuse_space, off_cpu.");
  });

  test("an unknown path is not found", async () => {
    expect((await api.fetch("api/v1/nothing")).status).toBe(404);
    expect((await api.fetch("api/v1/files/0")).status).toBe(404);
  });
});

describe("an empty time", () => {
  test("has empty answers rather than errors", async () => {
    const time = "from=2020-01-01T00:00:00Z&to=2020-01-01T01:00:00Z";
    const flame = await api.get<FlameAnswer>(`flamegraph?${time}`);
    expect(flame.nodes).toEqual({ frame: [-1], children: [0], total: [0] });
    expect((await api.get<TreeAnswer>(`tree?${time}`)).rows).toHaveLength(1);
    expect((await api.get<TimelineAnswer>(`timeline?${time}`)).series).toEqual([]);
    expect((await api.get<TopAnswer>(`top?${time}`)).rows).toEqual([]);
  });
});

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function childrenOf({ rows }: TreeAnswer, at: number): TreeAnswer["rows"] {
  const { depth } = rows[at]!;
  const end = rows.findIndex((row, other) => other > at && row.depth <= depth);
  return rows.slice(at + 1, end < 0 ? undefined : end).filter((row) => row.depth === depth + 1);
}

/** Values of nodes themselves. */
function selfSum({ nodes }: FlameAnswer): number {
  let next = 1;
  let total = 0;
  nodes.children.forEach((count, at) => {
    if (nodes.frame[at] !== -2) total += nodes.total[at]! - sum(nodes.total.slice(next, next + count));
    next += count;
  });
  return total;
}

function remainders({ nodes }: FlameAnswer): number {
  return sum(nodes.total.filter((_total, at) => nodes.frame[at] === -2));
}
