import { describe, expect, test } from "vitest";
import type { FollowedContainer, FollowedPod, FollowedState } from "#identity";
import { identityEntries } from "./identity-entries.ts";

const ID = "1".repeat(64);
const CREATED_MS = 1_700_000_000_000;

const pod: FollowedPod = {
  uid: "u1",
  name: "cart-66f5996c7c-x7k2p",
  namespace: "shop",
  nodeName: "n1",
  ips: ["10.0.0.1", "fd00::1"],
  labels: new Map([
    ["team", "blue"],
    ["app.kubernetes.io/name", "cart-service"],
  ]),
  annotations: new Map([["note", "x"]]),
  owners: [{ kind: "ReplicaSet", name: "cart-66f5996c7c", uid: "r1", controller: true }],
  workload: { kind: "Deployment", name: "cart" },
  revision: "66f5996c7c",
  createdMs: CREATED_MS,
  startedMs: CREATED_MS + 1000,
};

const container: FollowedContainer = {
  bareId: ID,
  name: "server",
  kind: "app",
  image: "registry:5000/shop/cart:1.4.2",
  imageId: `registry:5000/shop/cart@sha256:${"a".repeat(64)}`,
  restartCount: 2,
};

function state(changed: Partial<FollowedState> = {}): FollowedState {
  return { pod, container: undefined, validFromMs: CREATED_MS + 5000, validToMs: undefined, ...changed };
}

describe("entries of the history", () => {
  test("of a pod hold its names, workload, revision, labels and service", () => {
    const [entry] = identityEntries(state());
    expect(entry).toMatchObject({
      key: { kind: "k8s.pod.uid", value: "u1" },
      validFrom: CREATED_MS + 5000,
      validTo: undefined,
    });
    expect(Object.fromEntries(entry!.attributes)).toEqual({
      "k8s.pod.uid": "u1",
      "k8s.pod.name": "cart-66f5996c7c-x7k2p",
      "k8s.namespace.name": "shop",
      "k8s.node.name": "n1",
      "k8s.replicaset.name": "cart-66f5996c7c",
      "k8s.deployment.name": "cart",
      "k8s.workload.kind": "Deployment",
      "k8s.workload.name": "cart",
      "k8s.workload.revision": "66f5996c7c",
      "k8s.pod.label.team": "blue",
      "k8s.pod.label.app.kubernetes.io/name": "cart-service",
      "k8s.pod.annotation.note": "x",
      "service.name": "cart-service",
    });
  });

  test("of a pod's addresses begin when the kubelet took it, and are one entry for all of its states", () => {
    const addresses = (changed: Partial<FollowedState>) => identityEntries(state(changed)).slice(1);
    expect(addresses({}).map(({ key, validFrom }) => [key.value, validFrom])).toEqual([
      ["10.0.0.1", CREATED_MS + 1000],
      ["fd00::1", CREATED_MS + 1000],
    ]);
    const gone = addresses({ validFromMs: CREATED_MS + 9000, validToMs: CREATED_MS + 10_000 });
    expect(gone.map(({ validFrom, validTo }) => [validFrom, validTo])).toEqual([
      [CREATED_MS + 1000, CREATED_MS + 10_000],
      [CREATED_MS + 1000, CREATED_MS + 10_000],
    ]);
    expect(addresses({ pod: { ...pod, startedMs: 0 } })).toEqual([]);
  });

  test("of a container hold what is its own, and whose it is", () => {
    const [entry, ...others] = identityEntries(state({ container }));
    expect(others).toEqual([]);
    expect(entry!.key).toEqual({ kind: "container.id", value: ID });
    expect(Object.fromEntries(entry!.attributes)).toEqual({
      "k8s.pod.uid": "u1",
      "k8s.container.name": "server",
      "k8s.container.restart_count": "2",
      "container.image.name": "registry:5000/shop/cart",
      "container.image.tags": '["1.4.2"]',
      "container.image.repo_digests": `["registry:5000/shop/cart@sha256:${"a".repeat(64)}"]`,
    });
  });

  test.each<[image: string, name: string, tags: string | undefined]>([
    ["nginx", "nginx", undefined],
    ["localhost:5000/nginx", "localhost:5000/nginx", undefined],
    [`nginx:1.27@sha256:${"b".repeat(64)}`, "nginx", '["1.27"]'],
    [`nginx@sha256:${"b".repeat(64)}`, "nginx", undefined],
  ])("split the image %s into name and tag", (image, name, tags) => {
    const [entry] = identityEntries(state({ container: { ...container, image } }));
    expect(entry!.attributes.get("container.image.name")).toBe(name);
    expect(entry!.attributes.get("container.image.tags")).toBe(tags);
  });

  test("name workloads that the semantic conventions don't know, and services after them", () => {
    const other = { ...pod, labels: new Map<string, string>(), workload: { kind: "Rollout", name: "pay" } };
    const { attributes } = identityEntries(state({ pod: other }))[0]!;
    expect(attributes.get("k8s.workload.kind")).toBe("Rollout");
    expect(attributes.get("service.name")).toBe("pay");
    expect(attributes.has("k8s.deployment.name")).toBe(false);
  });
});
