/** A pod as the path of a cgroup tells it. */
export interface CgroupPod {
  /** As the API server knows it, with hyphens; undefined for a static pod. */
  readonly podUid: string | undefined;
  /**
   * Of a static pod, whose cgroup is named by the hash of its manifest: the mirror pod has it in the annotation
   * `kubernetes.io/config.hash`, and another uid.
   */
  readonly staticPodHash: string | undefined;
}

/** A container as the path of a cgroup tells it. */
export interface CgroupContainer extends CgroupPod {
  /** As the runtime and the kubelet know it: 64 hexadecimal digits, as a rule. */
  readonly containerId: string;
  /** `docker`, `containerd`, `cri-o` or `podman` where the path names it. */
  readonly runtime: string | undefined;
  /** The container's own cgroup, whatever it made below it. */
  readonly path: string;
  /** The container around this one: a kind node, or one in which Docker runs. */
  readonly outer: CgroupContainer | undefined;
}

/** To whom a cgroup belongs. */
export interface CgroupOwner {
  /** The innermost container. */
  readonly container: CgroupContainer | undefined;
  /** The pod whose cgroup is on the path below that container, if any: its processes are in none of its containers. */
  readonly pod: (CgroupPod & { readonly path: string }) | undefined;
}

/** The innermost container on the path; see `ownerOfCgroup`. */
export function containerOfCgroup(path: string): CgroupContainer | undefined {
  return ownerOfCgroup(path).container;
}

/**
 * To whom the cgroup of that path belongs. The path may come from the cgroup file system, from /proc/PID/cgroup of any
 * controller, or begin with `/..`, as seen from inside a cgroup namespace.
 *
 * A container is what a runtime named with an id of a form that nobody else uses: 64 hexadecimal digits, alone or behind
 * `<runtime>-` or `<slice>:<runtime>:`, with or without `.scope`; tasks of ECS (32 digits and a number) and handles of
 * Garden below a cgroup of that name. Names that people choose (LXC, systemd-nspawn, `ctr run`) are no ids and give
 * none. The cgroup of conmon, which watches a container from beside it, is not the container's.
 */
export function ownerOfCgroup(path: string): CgroupOwner {
  let container: CgroupContainer | undefined;
  let pod: CgroupOwner["pod"];
  let enclosingPod: CgroupPod = NO_POD;
  let parent = "";
  let isEcs = false;
  let isGarden = false;
  for (let start = 1; start < path.length;) {
    const slash = path.indexOf("/", start);
    const end = slash === -1 ? path.length : slash;
    const segment = path.slice(start, end);
    const named = podOf(segment);
    if (named !== undefined) {
      enclosingPod = named;
      pod = { ...named, path: path.slice(0, end) };
    }
    const id = containerIdOf(segment, parent, isEcs, isGarden);
    if (id !== undefined) {
      const runtime = runtimeOf(segment, parent);
      container = { containerId: id, ...enclosingPod, runtime, path: path.slice(0, end), outer: container };
      pod = undefined;
    }
    isEcs ||= segment === "ecs";
    isGarden ||= segment === "garden";
    parent = segment;
    start = end + 1;
  }
  return { container, pod };
}

const NO_POD: CgroupPod = { podUid: undefined, staticPodHash: undefined };

/** `pod<uid>`, `kubepods-burstable-pod<uid with underscores>.slice`, the latter also with `:<runtime>:<id>` behind it. */
const POD = /(?:^|-)pod(?:([0-9a-f]{8}(?:[-_][0-9a-f]{4}){3}[-_][0-9a-f]{12})|([0-9a-f]{32}))(?:\.slice(?::.*)?)?$/s;
const HEX_ID = /^(?:(.*)[-:])?([0-9a-f]{64})(?:\.scope)?$/s;
const ECS_ID = /^[0-9a-f]{32}-\d{1,20}$/;
/** A UUID, or one whose last group has four digits. */
const GARDEN_ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{4}(?:[0-9a-f]{8})?$/;

const RUNTIMES: ReadonlyMap<string, string> = new Map([
  ["docker", "docker"],
  ["cri-containerd", "containerd"],
  ["nerdctl", "containerd"],
  ["crio", "cri-o"],
  ["libpod", "podman"],
  ["libpod-payload", "podman"],
]);

function podOf(segment: string): CgroupPod | undefined {
  const match = POD.exec(segment);
  if (match === null) return undefined;
  return { podUid: match[1]?.replaceAll("_", "-"), staticPodHash: match[2] };
}

function containerIdOf(segment: string, parent: string, isEcs: boolean, isGarden: boolean): string | undefined {
  const match = HEX_ID.exec(segment);
  if (match !== null) {
    const [, prefix, id] = match;
    // Bare ids in there are pods of Podman; its containers have `libpod-` before theirs.
    const isPodmanPod = prefix === undefined && parent === "libpod_parent";
    return isPodmanPod || prefix?.endsWith("conmon") === true ? undefined : id;
  }
  const isTask = isEcs && ECS_ID.test(segment);
  return isTask || (isGarden && GARDEN_ID.test(segment)) ? segment : undefined;
}

/** As far as the segment names it, or its parent where Docker's cgroupfs driver made both. */
function runtimeOf(segment: string, parent: string): string | undefined {
  const prefix = HEX_ID.exec(segment)?.[1];
  if (prefix !== undefined) return RUNTIMES.get(prefix.slice(prefix.lastIndexOf(":") + 1));
  return parent === "docker" ? "docker" : undefined;
}
