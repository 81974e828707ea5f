import { readdirSync, readlinkSync, statSync } from "node:fs";
import { findCgroupRoots, readPlaceOfProcess } from "#linux";
import type { Check } from "./check.ts";

/** Inode of the first pid namespace (include/linux/proc_ns.h). */
const FIRST_PID_NAMESPACE = "pid:[4026531836]";
/** Of a hierarchy that is seen as a whole (kernfs numbers its nodes from 1). */
const ROOT_INODE = 1;
/** Where container runtimes listen for the kubelet, as they and distributions set them up. */
const RUNTIME_SOCKETS: readonly string[] = [
  "/run/containerd/containerd.sock",
  "/run/k3s/containerd/containerd.sock",
  "/run/crio/crio.sock",
  "/run/cri-dockerd.sock",
  "/run/docker.sock",
];

/** Whether an agent here would see the node's processes and their containers. */
export function containerChecks(env: NodeJS.ProcessEnv = process.env): Check[] {
  const isPod = env["KUBERNETES_SERVICE_HOST"] !== undefined;
  return [pidNamespaceCheck(isPod), cgroupCheck(isPod), containerIdCheck()];
}

function pidNamespaceCheck(isPod: boolean): Check {
  const check = { topic: "containers", what: "processes" } as const;
  let namespace: string;
  try {
    namespace = readlinkSync("/proc/self/ns/pid");
  } catch (error) {
    return {
      ...check,
      state: "problem",
      detail: `/proc can't be read: ${(error as Error).message}`,
      remedy: "mount /proc",
    };
  }
  if (namespace === FIRST_PID_NAMESPACE) return { ...check, state: "ok", detail: "those of the host are visible" };
  return {
    ...check,
    state: isPod ? "problem" : "note",
    detail: "only those of a pid namespace other than the host's are visible",
    remedy: isPod
      ? "set hostPID: true in the pod's spec"
      : "run it outside of the container, or with the host's pid namespace",
  };
}

function cgroupCheck(isPod: boolean): Check {
  const check = { topic: "containers", what: "cgroups" } as const;
  const roots = findCgroupRoots();
  if (roots.length === 0) {
    const remedy = "mount the host's /sys/fs/cgroup (hostPath) where it stands on the host";
    return { ...check, state: "problem", detail: "no hierarchy is mounted here", remedy };
  }
  const places = roots.map(({ hierarchy, directory }) => `${directory} (version ${hierarchy})`).join(", ");
  if (roots.every(({ id }) => id === ROOT_INODE)) return { ...check, state: "ok", detail: `the whole of ${places}` };
  return {
    ...check,
    state: isPod ? "problem" : "note",
    detail: `only a part of ${places}: containers elsewhere keep the numbers of their cgroups for names`,
    remedy: "set hostPID: true and grant CAP_SYS_PTRACE, or mount the host's /sys/fs/cgroup",
  };
}

function containerIdCheck(): Check {
  const check = { topic: "containers", what: "container ids" } as const;
  const containers = new Set<string>();
  let [processes, inContainers, unknown] = [0, 0, 0];
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    processes++;
    const place = readPlaceOfProcess(Number(name));
    if (place?.kind === "unknown") unknown++;
    if (place?.containerId === undefined) continue;
    inContainers++;
    containers.add(place.containerId);
  }
  const seen = `${inContainers} of ${processes} processes are in ${containers.size} containers`;
  if (unknown > 0) {
    const remedy = "run it in the host's cgroup namespace: hostPID: true; with Docker --cgroupns=host --pid=host";
    return {
      ...check,
      state: "problem",
      detail: `${seen}; ${unknown} are in cgroups that can't be told from here`,
      remedy,
    };
  }
  if (containers.size > 0) return { ...check, state: "ok", detail: seen };
  return { ...check, state: "note", detail: `none among ${processes} processes; fine where no container runs` };
}

/** Whether a container runtime is within reach. */
export function runtimeCheck(): Check {
  const check = { topic: "runtime", what: "container runtime" } as const;
  // In a pod that sees the host's processes, the host's files are below those of the first one.
  const found = ["", "/proc/1/root"].flatMap((root) => RUNTIME_SOCKETS.map((path) => root + path)).filter(isSocket);
  if (found.length > 0) return { ...check, state: "ok", detail: `socket ${found[0]}` };
  const detail =
    "none of the usual sockets is visible; containers are known by their cgroups and named by the API server";
  return { ...check, state: "note", detail };
}

function isSocket(path: string): boolean {
  try {
    return statSync(path).isSocket();
  } catch {
    return false;
  }
}
