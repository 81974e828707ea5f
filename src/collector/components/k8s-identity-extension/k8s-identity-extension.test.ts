import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { hostKey } from "#collector";
import type { IdentityHandle, IdentityHub } from "#identity";
import { lifecycleSuite } from "../../testing/lifecycle-suite.ts";
import { TestHost, testContext } from "../../testing/context.ts";
import { k8sIdentityConfig } from "./config.ts";
import { k8sIdentityExtensionFactory } from "./index.ts";

lifecycleSuite(k8sIdentityExtensionFactory, [
  { name: "without keys", config: null },
  { name: "from docker", config: { sources: ["containers"], containers: { docker: "/nowhere.sock" } } },
  { name: "from a runtime", config: { sources: ["cri"], cri: { endpoint: "unix:///nowhere.sock" } } },
]);

const problemsOf = (config: unknown): string[] => {
  const result = k8sIdentityConfig.parse(config);
  return "problems" in result ? result.problems.map(({ path, message }) => `${path.join("::")} ${message}`) : [];
};

describe("the configuration", () => {
  test("is the API server alone by default", () => {
    const result = k8sIdentityConfig.parse(null);
    expect(result).toMatchObject({ config: { sources: ["api"], kubelet: undefined, cri: undefined, file: undefined } });
  });

  test("has defaults for each source", () => {
    const result = k8sIdentityConfig.parse({
      sources: ["api", "kubelet", "cri", "file"],
      node: "node-1",
      kubelet: { endpoint: "10.0.0.1:10250" },
      file: { path: "pods.json" },
      snapshot: { directory: "/var/lib/podflame" },
    });
    expect(result).toMatchObject({
      config: {
        nodeName: "node-1",
        kubelet: { intervalMs: 10_000, settings: { authType: "serviceAccount", insecureSkipVerify: false } },
        cri: { intervalMs: 2_000, sockets: expect.arrayContaining(["/run/crio/crio.sock"]) as string[] },
        file: { intervalMs: 10_000, path: "pods.json" },
        snapshot: { intervalMs: 60_000, maxBytes: 64 << 20 },
      },
    });
  });

  test.each([
    [{ sources: [] }, "sources is empty: name at least one source"],
    [{ sources: ["kubelet"] }, "sources names kubelet, which needs a section kubelet"],
    [{ sources: ["api", "api"] }, "sources::1 names api twice"],
    [{ cri: {} }, "cri has no effect: cri is not in sources; add it there, or remove this"],
    [
      { sources: ["kubelet"], kubelet: { endpoint: "10.0.0.1", auth_type: "tls" } },
      'kubelet::auth_type "tls" needs cert_file and key_file',
    ],
    [
      { sources: ["kubelet"], kubelet: { endpoint: "http://node:10255" } },
      'kubelet::endpoint "http://node:10255" is no address; write host:port, e.g. "${env:K8S_NODE_IP}:10250"',
    ],
    [
      { sources: ["cri"], cri: { endpoint: "tcp://node:1" } },
      'cri::endpoint "tcp://node:1" is no socket; write unix:///run/containerd/containerd.sock',
    ],
  ])("of %j is refused", (config, problem) => {
    expect(problemsOf(config)).toEqual([problem]);
  });

  test("looks for containers of docker and containerd where they are, or only where it's told to", () => {
    const read = (containers?: object): unknown => {
      const result = k8sIdentityConfig.parse({ sources: ["containers"], ...(containers && { containers }) });
      return "problems" in result ? result.problems : result.config.containers;
    };
    expect(read()).toEqual({
      containerd: ["/run/containerd/containerd.sock", "/run/k3s/containerd/containerd.sock"],
      docker: ["/var/run/docker.sock"],
      intervalMs: 2_000,
    });
    expect(read({ docker: "unix:///run/user/1000/docker.sock", poll_interval: "5s" })).toEqual({
      containerd: [],
      docker: ["/run/user/1000/docker.sock"],
      intervalMs: 5_000,
    });
  });

  test("polls once a second at the most", () => {
    expect(problemsOf({ sources: ["cri"], cri: { poll_interval: "500ms" } })[0]).toBe(
      "cri::poll_interval must be at least 1000ms, got 500ms",
    );
  });
});

test("a configuration that is loaded anew begins with the pods that the one before knew", async () => {
  const folder = mkdtempSync(join(tmpdir(), "podflame-reload-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "pods.yaml");
  writeFileSync(path, "kind: Pod\nmetadata: {uid: cart-uid, name: cart, namespace: shop}\n");
  const result = k8sIdentityConfig.parse({ sources: ["file"], file: { path } });
  if ("problems" in result) throw new Error("the configuration is refused");
  const { config } = result;
  const { buffers } = testContext("k8s_identity");
  const load = async (): Promise<{ readonly hub: IdentityHub; readonly handle: IdentityHandle }> => {
    const host = new TestHost();
    await k8sIdentityExtensionFactory.create(testContext("k8s_identity", { host, buffers }), config).start();
    const hub = host.service(hostKey<IdentityHub>("identity"), () => {
      throw new Error("the extension made none");
    });
    const handle = hub.join({
      source: { kind: "api", client: { authType: "serviceAccount" }, selection: {} },
      keys: { label: () => false, annotation: () => false },
      keysName: "none",
      graceMs: 0,
    });
    await handle.start();
    return { hub, handle };
  };
  const first = await load();
  await first.handle.view.directory.synced;
  await first.hub.shutdown();
  rmSync(path);
  const second = await load();
  onTestFinished(() => second.hub.shutdown());
  expect(second.handle.view.directory.findUidText("cart-uid")?.pod.name).toBe("cart");
});

test("those who ask for pods get them from its sources", async () => {
  const host = new TestHost();
  const context = testContext("k8s_identity", { host });
  const result = k8sIdentityConfig.parse({ sources: ["cri"], cri: { endpoint: "/nowhere.sock" } });
  if ("problems" in result) throw new Error("the configuration is refused");
  const extension = k8sIdentityExtensionFactory.create(context, result.config);
  await extension.start();
  const hub = host.service(hostKey<IdentityHub>("identity"), () => {
    throw new Error("the extension made none");
  });
  onTestFinished(() => hub.shutdown());
  const handle = hub.join({
    source: { kind: "api", client: { authType: "serviceAccount" }, selection: {} },
    keys: { label: () => false, annotation: () => false },
    keysName: "none",
    graceMs: 0,
  });
  await handle.start();
  expect(handle.state().from).toBe("the container runtime at /nowhere.sock");
  expect(() => k8sIdentityExtensionFactory.create(context, result.config)).toThrow("another k8s_identity");
});
