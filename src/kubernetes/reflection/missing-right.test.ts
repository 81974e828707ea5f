import { expect, test } from "vitest";
import { describeMissingRight } from "./missing-right.ts";
import { PODS } from "./resource.ts";

const said = 'pods is forbidden: User "system:serviceaccount:observability:collector" cannot list resource "pods"';

test("a missing right of a service account is named with the rule and the commands that give it", () => {
  expect(describeMissingRight("list", PODS, undefined, said)).toBe(
    '"system:serviceaccount:observability:collector" may not list pods in the whole cluster; ' +
      'add the rule {apiGroups: [""], resources: ["pods"], verbs: ["list", "watch"]} to a ClusterRole and bind it, ' +
      "or run: kubectl create clusterrole podflame-pods --verb=list,watch --resource=pods && " +
      "kubectl create clusterrolebinding podflame-pods --clusterrole=podflame-pods --serviceaccount=observability:collector",
  );
});

test("in one namespace a Role is enough", () => {
  const text = describeMissingRight("watch", PODS, "shop", said.replace("system:serviceaccount:observability:", ""));
  expect(text).toContain('"collector" may not watch pods in namespace shop');
  expect(text).toContain("kubectl create role podflame-pods -n shop --verb=list,watch --resource=pods");
  expect(text).toContain("kubectl create rolebinding podflame-pods -n shop --role=podflame-pods --user=collector");
});

test("other API groups are part of the resource's name", () => {
  const replicaSets = { group: "apps", version: "v1", name: "replicasets" };
  expect(describeMissingRight("list", replicaSets, undefined, "")).toContain("--resource=replicasets.apps");
});
