import { describe, expect, test } from "vitest";
import type { Coverage, TreeAnswer, TreeLevel, TreeRow } from "../../../src/query/api.ts";
import { partsOf, pathTo, rowMark, type TreeOptions, visibleRows } from "./tree-rows.ts";

const coverage: Coverage = {
  from: 0,
  to: 1,
  visibleUpTo: 1,
  total: 0,
  unattributed: 0,
  unnamed: 0,
  truncated: 0,
  lost: 0,
  gaps: [],
  plan: "",
};

function row(
  depth: number,
  level: TreeLevel,
  name: string,
  query: string,
  value = 1,
  more: Partial<TreeRow> = {},
): TreeRow {
  return {
    level,
    depth,
    name,
    detail: "",
    query,
    value,
    cores: value,
    share: 0.1,
    spark: [],
    children: 0,
    remainder: false,
    ...more,
  };
}

const rows = [
  row(0, "node", "all", "", 10),
  row(1, "namespace", "shop", "{ns=shop}", 7),
  row(2, "workload", "checkout", "{ns=shop,w=checkout}", 5, { detail: "Deployment" }),
  row(3, "pod", "checkout-abc", "{pod=abc}", 5),
  row(2, "workload", "cart", "{ns=shop,w=cart}", 2),
  row(1, "host", "host processes", "{origin=host}", 3),
  row(2, "process", "sshd", "{origin=host,p=sshd}", 3),
  row(1, "namespace", "2 more", "", 0, { remainder: true }),
];
const answer: TreeAnswer = {
  type: "cpu",
  unit: "nanoseconds",
  rows,
  omitted: 2,
  sparkline: { start: 0, step: 1 },
  coverage,
};
const usual: TreeOptions = { sort: "cores", filter: "", toggled: new Set(), selected: "" };

test("processes are seen at once where no containers are", () => {
  const bare = {
    ...answer,
    rows: [
      rows[0]!,
      row(1, "host", "host processes", "{origin=host}", 3),
      rows[6]!,
      row(1, "kernel", "kernel", "{k}", 1),
    ],
  };
  expect(visibleRows(bare, usual).map(({ row: { name } }) => name)).toEqual([
    "all",
    "host processes",
    "sshd",
    "kernel",
  ]);
  expect(visibleRows(answer, usual).map(({ row: { name } }) => name)).not.toContain("sshd");
});
const names = (options: Partial<TreeOptions>): string[] =>
  visibleRows(answer, { ...usual, ...options }).map((seen) => seen.row.name);

describe("the rows that are seen", () => {
  test("go down to the workloads", () => {
    expect(names({})).toEqual(["all", "shop", "checkout", "cart", "host processes", "2 more"]);
  });

  test("open and close", () => {
    expect(names({ toggled: new Set([rowMark(rows[2]!), rowMark(rows[5]!)]) })).toEqual([
      "all",
      "shop",
      "checkout",
      "checkout-abc",
      "cart",
      "host processes",
      "sshd",
      "2 more",
    ]);
    expect(names({ toggled: new Set([rowMark(rows[1]!)]) })).toEqual(["all", "shop", "host processes", "2 more"]);
  });

  test("lead to the one that is selected", () => {
    expect(names({ selected: "{pod=abc}" })).toContain("checkout-abc");
  });

  test("are those with the filter's text, in name or detail, and what is above them", () => {
    expect(names({ filter: "SSH" })).toEqual(["all", "host processes", "sshd"]);
    expect(names({ filter: "deployment" })).toEqual(["all", "shop", "checkout"]);
    expect(names({ filter: "nowhere" })).toEqual([]);
  });

  test("sort by name within their parent, what was left out last", () => {
    expect(names({ sort: "name" })).toEqual(["all", "host processes", "shop", "cart", "checkout", "2 more"]);
  });

  test("know their place among their siblings", () => {
    const cart = visibleRows(answer, usual).find((seen) => seen.row.name === "cart")!;
    expect([cart.position, cart.siblings, cart.parent, cart.open]).toEqual([2, 2, 1, undefined]);
  });
});

test("the path to a row is all above it", () => {
  expect(pathTo(answer, "{ns=shop,w=cart}").map(({ name }) => name)).toEqual(["all", "shop", "cart"]);
  expect(pathTo(answer, "{something=else}")).toEqual([]);
});

test("a row's parts are the first level below it that has several rows", () => {
  expect(partsOf(answer, "").map(({ name }) => name)).toEqual(["shop", "host processes", "2 more"]);
  expect(partsOf(answer, "{ns=shop,w=checkout}").map(({ name }) => name)).toEqual(["checkout-abc"]);
  const oneCluster = {
    ...answer,
    rows: [row(0, "node", "all", "all"), ...rows.map((each) => ({ ...each, depth: each.depth + 1 }))],
  };
  expect(partsOf(oneCluster, "all").map(({ name }) => name)).toEqual(["shop", "host processes", "2 more"]);
  expect(partsOf(answer, "{something=else}")).toEqual([]);
});
