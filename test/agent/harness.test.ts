/** The ground that the agent's tests stand on: containers are what a node's are, and nothing of them stays behind. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { hierarchies } from "./harness/cgroups.ts";
import { Containerd } from "./harness/containerd.ts";
import { canRunContainers } from "./harness/requirements.ts";
import { Runc } from "./harness/runc.ts";

const available = canRunContainers();

function groupExists(cgroup: string): boolean {
  return hierarchies().some(({ mount }) => existsSync(join(mount, cgroup)));
}

describe.skipIf(!available)("the harness", () => {
  test("runs a container in the cgroup that a kubelet would give it", async () => {
    await using containerd = await Containerd.start();
    const pod = await containerd.runPod({ qos: "besteffort" });
    const container = await pod.start({
      image: "localhost/pause:1",
      command: ["/bin/sh", "-c", "echo $WORD; exec sleep 100"],
      env: { WORD: "spoken" },
    });
    await container.prints(/^spoken$/m);
    const [pid] = container.processes();
    expect(container.cgroup).toMatch(
      new RegExp(`^${containerd.branch}/kubepods/besteffort/pod${pod.uid}/[0-9a-f]{64}$`),
    );
    expect(readFileSync(`/proc/${pid}/cgroup`, "latin1")).toContain(`:${container.cgroup}\n`);
    expect(await container.exec("cat", "/proc/1/comm")).toBe("sleep\n");
  });

  test("leaves neither processes nor groups nor files, whatever state containers are in", async () => {
    const containerd = await Containerd.start();
    const pod = await containerd.runPod();
    const running = await pod.start({ image: "localhost/pause:1", command: ["sleep", "100"] });
    await pod.create({ image: "localhost/pause:1", command: ["sleep", "100"] });
    const ended = await pod.start({ image: "localhost/pause:1", command: ["true"] });
    await ended.ended();
    const pids = [...running.processes()];
    expect(pids).toHaveLength(1);
    expect(groupExists(containerd.branch)).toBe(true);

    await containerd[Symbol.asyncDispose]();

    expect(pids.filter((pid) => existsSync(`/proc/${pid}`))).toEqual([]);
    expect(groupExists(containerd.branch)).toBe(false);
    expect(existsSync(containerd.folder)).toBe(false);
    expect(readFileSync("/proc/self/mounts", "utf8")).not.toContain(containerd.folder);
  });

  test("runs a container of runc's own in any cgroup path", async () => {
    const path = `kubepods.slice/kubepods-pod1.slice/cri-containerd-${"ab".repeat(32)}.scope`;
    let branch: string;
    {
      await using runc = await Runc.open();
      branch = runc.branch;
      const pid = await runc.start(path, ["/bin/sleep", "100"]);
      expect(readFileSync(`/proc/${pid}/cgroup`, "latin1")).toContain(`:${branch}/${path}\n`);
      expect(readFileSync(`/proc/${pid}/comm`, "latin1")).toBe("sleep\n");
    }
    expect(groupExists(branch)).toBe(false);
  });
});
