import { expect, test } from "vitest";
import type { AccessRule } from "#identity";
import { unitedRules } from "./cluster-users.ts";

const ALL = ["list", "watch"];
const rule = (resource: string, namespace?: string, resourceNames?: readonly string[], verbs = ALL): AccessRule => ({
  apiGroup: "",
  resource,
  verbs,
  namespace,
  resourceNames,
});

test("equal rules are one", () => {
  expect(unitedRules([rule("pods"), rule("nodes"), rule("pods")])).toEqual([rule("pods"), rule("nodes")]);
});

test("names of objects add up, and all of them are more than any", () => {
  expect(unitedRules([rule("nodes", undefined, ["a"]), rule("nodes", undefined, ["b", "a"])])).toEqual([
    rule("nodes", undefined, ["a", "b"]),
  ]);
  expect(unitedRules([rule("nodes", undefined, ["a"]), rule("nodes")])).toEqual([rule("nodes")]);
});

test("what the whole cluster allows is not asked for in a namespace", () => {
  expect(unitedRules([rule("pods", "shop"), rule("pods")])).toEqual([rule("pods")]);
  expect(unitedRules([rule("pods", "shop"), rule("pods", undefined, ["a"])])).toHaveLength(2);
  expect(unitedRules([rule("pods", "shop"), rule("pods", undefined, undefined, ["list"])])).toHaveLength(2);
});

test("namespaces stay apart", () => {
  expect(unitedRules([rule("pods", "shop"), rule("pods", "data")])).toHaveLength(2);
});
