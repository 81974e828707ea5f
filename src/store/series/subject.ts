import type { Attributes } from "../identity/key-history.ts";
import type { SeriesLimits } from "./series-limits.ts";

/** What the attributes of a resource come down to. */
export interface Subject {
  /** Two resources with the same text are the same series (of a type). */
  readonly key: string;
  /** Bare id of the container; empty where there is none. */
  readonly containerId: string;
  /** What stays with the series. */
  readonly own: Attributes;
  /** What is remembered as knowledge about the container, and may be told better or later by others. */
  readonly carried: Attributes;
}

/** Of a container, these are knowledge about it; of anything else they are all that is known. */
const ABOUT_CONTAINERS = /^(?:k8s|service|container|oci)\./;
/** Change from one process, thread or request to the next, and would make a series of each. */
const VOLATILE =
  /^(?:process\.(?:pid|parent_pid|vpid|real_user\.|creation\.time|start|command|args|session|group)|thread\.|cpu\.|service\.instance\.id$|trace|span)|(?:^|[._])(?:time|timestamp)(?:_unix_nano)?$/;
/** Of programs that are compiled, run and thrown away each has another; its name tells enough where there is one. */
const OF_EXECUTABLE = /^process\.executable\.(?:path$|build_id)/;
/** What a container's processes have each for themselves; the stacks say which process it was. */
const OF_PROCESS = /^(?:process|thread)\./;
/** Spellings of a container id that runtimes put before it. */
const SCHEME = /^[a-z][a-z0-9.+-]*:\/\//i;
const ELLIPSIS = "…";

/** Tells who a resource is by its attributes (OpenTelemetry names, values as text). */
export function subjectOf(attributes: Attributes, limits: SeriesLimits): Subject {
  const containerId = (attributes.get("container.id") ?? "").replace(SCHEME, "").toLowerCase();
  const own = new Map<string, string>();
  const carried = new Map<string, string>();
  const isNamed = attributes.has("process.executable.name");
  for (const [name, value] of [...attributes].sort(byName)) {
    if (name === "" || value === "" || name === "container.id" || VOLATILE.test(name)) continue;
    if (isNamed && OF_EXECUTABLE.test(name)) continue;
    const text = cut(value, limits.labelValueLength);
    if (containerId === "") own.set(name, text);
    else if (ABOUT_CONTAINERS.test(name)) carried.set(name, text);
    else if (!OF_PROCESS.test(name)) own.set(name, text);
  }
  const key =
    containerId !== ""
      ? JSON.stringify(["container", clusterOf(attributes), containerId])
      : JSON.stringify(["other", ...own]);
  return { key, containerId, own, carried };
}

/** Which cluster something is in, as far as its attributes say. */
export function clusterOf(attributes: Attributes): string {
  return attributes.get("k8s.cluster.name") ?? attributes.get("k8s.cluster.uid") ?? "";
}

function cut(value: string, length: number): string {
  return value.length <= length ? value : value.slice(0, length - 1) + ELLIPSIS;
}

function byName([a]: readonly [string, string], [b]: readonly [string, string]): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
