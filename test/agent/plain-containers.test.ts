/** A real containerd with containers that are no pods': those that ctr and nerdctl start. */
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { promisify } from "node:util";
import { describe, expect, onTestFinished, test } from "vitest";
import { K8sIdentityExtension } from "../../src/collector/components/k8s-identity-extension/k8s-identity-extension.ts";
import { k8sIdentityConfig } from "../../src/collector/components/k8s-identity-extension/config.ts";
import { TestHost, testContext } from "../../src/collector/testing/context.ts";
import { hostKey } from "#collector";
import type { IdentityHub } from "#identity";
import { systemClock } from "#telemetry";
import { Containerd } from "./harness/containerd.ts";
import { writeImage } from "./harness/image.ts";
import { canRunContainers } from "./harness/requirements.ts";

const run = promisify(execFile);
const IMAGE = "localhost/nap:1";

describe.skipIf(!canRunContainers())("containers that are no pods'", () => {
  test("are known by name, image and labels, and are nobody's pod", async () => {
    const containerd = await Containerd.start();
    onTestFinished(() => containerd[Symbol.asyncDispose]());
    const ctr = (...args: string[]): Promise<unknown> =>
      run("ctr", ["--address", containerd.socket, "--namespace", "default", ...args]);
    await ctr("images", "import", await writeImage(containerd.folder, IMAGE, {}));
    const id = randomBytes(32).toString("hex");
    await ctr("containers", "create", "--label", "nerdctl/name=web", "--label", "team=blue", IMAGE, id);
    const pod = await containerd.runPod({ name: "cart" });

    const host = new TestHost();
    const context = {
      ...testContext("k8s_identity", { host }),
      telemetry: { ...testContext("x").telemetry, clock: systemClock },
    };
    const read = k8sIdentityConfig.parse({
      sources: ["containers"],
      node: "node-1",
      containers: { containerd: `unix://${containerd.socket}`, poll_interval: "1s" },
    });
    if ("problems" in read) throw new Error(JSON.stringify(read.problems));
    const extension = new K8sIdentityExtension(context, read.config);
    await extension.start();
    const hub = host.service(hostKey<IdentityHub>("identity"), () => {
      throw new Error("the extension made none");
    });
    onTestFinished(() => hub.shutdown());
    const handle = hub.join({
      source: { kind: "api", client: { authType: "serviceAccount" }, selection: {} },
      keys: { label: (key) => key === "team", annotation: () => false },
      keysName: "team",
      graceMs: 0,
    });
    await handle.start();
    const { directory } = handle.view;
    await expect.poll(() => directory.findContainerText(id), { timeout: 10_000 }).toBeDefined();
    const found = directory.findContainerText(id)!;
    expect(found.container).toMatchObject({ name: "web", image: IMAGE, containerId: `containerd://${id}` });
    expect(found.record.pod).toMatchObject({ uid: "", name: "", namespace: "", labels: new Map([["team", "blue"]]) });
    expect(directory.size).toBe(1);

    await ctr("containers", "rm", id);
    await expect.poll(() => found.record.goneSinceMs, { timeout: 10_000 }).toBeGreaterThan(0);
    await pod.remove();
  });
});
