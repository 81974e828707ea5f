/** `podflame up` on a machine without Kubernetes: a real containerd says whose containers those are. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Containerd } from "../agent/harness/containerd.ts";
import { canRunContainers, canSample } from "../agent/harness/requirements.ts";
import { folderWith, pageOf, Podflame, rowsOf } from "../cli/podflame.ts";

const IMAGE = "localhost/busy:1";
const NO_CLUSTER = { KUBECONFIG: "/dev/null/none", KUBERNETES_SERVICE_HOST: "" };

describe.skipIf(!canSample() || !canRunContainers())("podflame up without a cluster", () => {
  let containerd: Containerd;
  beforeAll(async () => {
    containerd = await Containerd.start();
    await containerd.importImage(IMAGE, {});
  });
  afterAll(() => containerd[Symbol.asyncDispose]());

  async function up(env: Readonly<Record<string, string>>): Promise<{ process: Podflame; page: string }> {
    const words = ["up", "--listen", "127.0.0.1:0", "--otlp", "127.0.0.1:0", "--data", await folderWith({})];
    const process = new Podflame(words, { env: { ...NO_CLUSTER, ...env } });
    return { process, page: await pageOf(process) };
  }

  async function names(page: string): Promise<string[]> {
    return (await rowsOf(page)).map(({ level, name }) => `${level} ${name}`);
  }

  test("names containers by the runtime, and by their ids where there is none", async () => {
    const pod = await containerd.runPod({ name: "cart", namespace: "shop" });
    const command = ["sh", "-c", "while :; do :; done"];
    const { id } = await pod.start({ name: "server", image: IMAGE, command });
    const named = await up({ CONTAINER_RUNTIME_ENDPOINT: `unix://${containerd.socket}` });
    await named.process.shows("stderr", /containers are named by the runtime at/);
    await expect
      .poll(() => names(named.page))
      .toEqual(expect.arrayContaining(["namespace shop", "pod cart", "container server"]));
    named.process.kill("SIGINT");
    expect((await named.process.ended).code).toBe(0);

    const unnamed = await up({ CONTAINER_RUNTIME_ENDPOINT: "unix:///nowhere.sock" });
    await expect.poll(() => names(unnamed.page)).toContain(`container ${id.slice(0, 12)}`);
    unnamed.process.kill("SIGINT");
    expect((await unnamed.process.ended).code).toBe(0);
    await pod.remove();
  });
});
