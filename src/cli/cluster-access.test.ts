import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { loadConfiguration } from "#collector";
import { clusterAccess, namingOverlay } from "./cluster-access.ts";
import { catalog } from "./components.ts";
import { presetFile } from "./install.ts";

let folder = "";
let kubeconfig = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "podflame-access-"));
  kubeconfig = join(folder, "config");
  await writeFile(kubeconfig, "{}");
});
afterAll(async () => {
  delete process.env["KUBERNETES_NODE_NAME"];
  await rm(folder, { recursive: true });
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
