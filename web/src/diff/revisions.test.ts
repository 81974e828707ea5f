import { expect, test } from "vitest";
import { compareRevision } from "./revisions.ts";

const query = '{namespace="shop", workload_name="cart", revision="7d9f"}';

test("a deployment is compared with the workload's other revisions until then", () => {
  const mark = { time: 1_700_000_000_000, kind: "revision", name: "cart 7d9f", query } as const;
  expect(compareRevision(mark, { from: "now-1h", to: "now" })).toMatchObject({
    view: "diff",
    query,
    from: "1700000000000",
    to: "now",
    other: { query: '{namespace="shop", workload_name="cart", revision!="7d9f"}', from: "now-1h", to: "1700000000000" },
  });
});

test("a restart isn't compared", () => {
  expect(compareRevision({ time: 1, kind: "restart", name: "cart-0", query }, { from: "0", to: "2" })).toBeUndefined();
});
