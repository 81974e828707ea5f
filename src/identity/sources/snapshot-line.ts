import type { OwnerReference, PodContainer, PodObject } from "#kubernetes";

/**
 * A pod as a line of JSON. Addresses are left out: while nobody looked, they may have passed to another pod, and a name
 * that is missing is better than a wrong one.
 */
export function podToLine(pod: PodObject): string {
  const { podIps: _, labels, annotations, ...rest } = pod;
  return `${JSON.stringify({ ...rest, labels: [...labels], annotations: [...annotations] })}\n`;
}

/** The pod in a line; undefined where the line holds anything else. */
export function podFromLine(line: string): PodObject | undefined {
  try {
    return podOf(JSON.parse(line));
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof ShapeError) return undefined;
    throw error;
  }
}

class ShapeError extends Error {}

function podOf(value: unknown): PodObject {
  const pod = record(value);
  return {
    uid: text(pod["uid"]),
    name: text(pod["name"]),
    namespace: text(pod["namespace"]),
    nodeName: text(pod["nodeName"]),
    hostname: text(pod["hostname"]),
    hostNetwork: flag(pod["hostNetwork"]),
    podIps: [],
    createdMs: count(pod["createdMs"]),
    startedMs: count(pod["startedMs"]),
    deletedMs: count(pod["deletedMs"]),
    labels: texts(pod["labels"]),
    annotations: texts(pod["annotations"]),
    owners: list(pod["owners"]).map(ownerOf),
    containers: list(pod["containers"]).map(containerOf),
  };
}

function ownerOf(value: unknown): OwnerReference {
  const owner = record(value);
  return {
    kind: text(owner["kind"]),
    name: text(owner["name"]),
    uid: text(owner["uid"]),
    controller: flag(owner["controller"]),
  };
}

const CONTAINER_KINDS: readonly PodContainer["kind"][] = ["app", "init", "ephemeral"];

function containerOf(value: unknown): PodContainer {
  const container = record(value);
  const kind = CONTAINER_KINDS.find((known) => known === container["kind"]);
  if (kind === undefined) throw new ShapeError();
  return {
    name: text(container["name"]),
    kind,
    image: text(container["image"]),
    containerId: text(container["containerId"]),
    previousContainerId: text(container["previousContainerId"]),
    restartCount: count(container["restartCount"]),
    imageId: text(container["imageId"]),
  };
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new ShapeError();
  return value as Readonly<Record<string, unknown>>;
}

function list(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new ShapeError();
  return value;
}

function text(value: unknown): string {
  if (typeof value !== "string") throw new ShapeError();
  return value;
}

function flag(value: unknown): boolean {
  if (typeof value !== "boolean") throw new ShapeError();
  return value;
}

function count(value: unknown): number {
  if (typeof value !== "number") throw new ShapeError();
  return value;
}

function texts(value: unknown): ReadonlyMap<string, string> {
  return new Map(
    list(value).map((entry): [string, string] => {
      const [key, told] = list(entry);
      return [text(key), text(told)];
    }),
  );
}
