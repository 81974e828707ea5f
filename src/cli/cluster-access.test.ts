import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { loadConfiguration } from "#collector";
import { clusterAccess, namingOverlay, servingOverlay } from "./cluster-access.ts";
import { catalog } from "./components.ts";
import { presetFile } from "./install.ts";

let folder = "";
let kubeconfig = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "podflame-access-"));
  kubeconfig = join(folder, "config");
  await writeFile(kubeconfig, "{}");
});
afterAll(() => rm(folder, { recursive: true }));
afterEach(() => {
  for (const name of ["KUBERNETES_NODE_NAME", "PODFLAME_IDENTITY", "PODFLAME_IDENTITY_TOKEN_FILE"]) {
    delete process.env[name];
  }
});

test("a kubeconfig among those that KUBECONFIG names is a way to a cluster", () => {
  expect(clusterAccess({ KUBECONFIG: `${folder}/nothing:${kubeconfig}` })).toBe("kubeConfig");
  expect(clusterAccess({ KUBECONFIG: `${folder}/nothing` })).toBeUndefined();
});

test("the address of an API server alone is none", () => {
  expect(clusterAccess({ KUBERNETES_SERVICE_HOST: "10.0.0.1", KUBECONFIG: "" })).toBeUndefined();
});

test.each(["up", "agent"])("the preset %s is valid with every way to name pods", async (preset) => {
  for (const access of ["serviceAccount", "kubeConfig", undefined] as const) {
    const configs = [presetFile(preset)!, `yaml:${namingOverlay(access)}`];
    process.env["KUBERNETES_NODE_NAME"] = access === undefined ? "" : "node-1";
    const { warnings } = await loadConfiguration({ configs, sets: [] }, catalog);
    expect(warnings).toEqual([]);
  }
});

test("the preset gateway is valid with every way to name pods, and serves agents where it has one", async () => {
  for (const access of ["serviceAccount", "kubeConfig", undefined] as const) {
    const overlays = [namingOverlay(access), servingOverlay(access)].map((yaml) => `yaml:${yaml}`);
    const { warnings, configuration } = await loadConfiguration(
      { configs: [presetFile("gateway")!, ...overlays], sets: [] },
      catalog,
    );
    expect(warnings).toEqual([]);
    const { source } = configuration.processors.get("k8s_attributes")!.config as { source?: object };
    expect({ source }).toMatchObject({ source: access && { client: { authType: access } } });
    const { serve } = configuration.extensions.get("k8s_identity")!.config as {
      serve?: { needs: { source: object } };
    };
    // The processor's own source: pods are watched once.
    expect(serve?.needs.source).toEqual(source);
  }
});

test("the preset gateway tells others than this machine's of pods only for a token", async () => {
  const preset = { configs: [presetFile("gateway")!], sets: [] };
  process.env["PODFLAME_IDENTITY"] = "0.0.0.0:4319";
  await expect(loadConfiguration(preset, catalog)).rejects.toThrow(
    /give service_accounts, token_file, or grpc::tls::client_ca_file/,
  );
  process.env["PODFLAME_IDENTITY_TOKEN_FILE"] = "/token";
  expect((await loadConfiguration(preset, catalog)).warnings).toEqual([]);
});

test("what the preset agent says of gateways is valid, and takes no access to a cluster", async () => {
  process.env["KUBERNETES_NODE_NAME"] = "node-1";
  const text = await readFile(presetFile("agent")!, "utf8");
  const advice = text.split("\n").filter((line) => line.startsWith("#   "));
  const file = join(folder, "by-gateway.yaml");
  await writeFile(file, advice.map((line) => line.slice("#   ".length)).join("\n"));
  const configs = [presetFile("agent")!, `yaml:${namingOverlay(undefined)}`, file];
  const { warnings, configuration } = await loadConfiguration({ configs, sets: [] }, catalog);
  expect(warnings).toEqual([]);
  const [identity] = configuration.extensions.values();
  expect(identity?.config).toMatchObject({
    sources: ["gateway"],
    nodeName: "node-1",
    gateway: { client: { endpoint: "podflame-gateway:4319" } },
  });
});
