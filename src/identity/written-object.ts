import type { MetadataObject, ObjectKind, OwnerReference, PodContainer, PodObject } from "#kubernetes";
import { count, flag, JsonFormError, list, record, text } from "./json-form.ts";

/** All kinds. Said again, for #kubernetes is loaded only when something is asked of the API. */
const KINDS: Readonly<Record<ObjectKind, true>> = {
  Namespace: true,
  Node: true,
  ReplicaSet: true,
  Deployment: true,
  StatefulSet: true,
  DaemonSet: true,
  Job: true,
  CronJob: true,
};

/** A pod or another object as plain JSON, for files and for the wire between a gateway and its agents. */
export type WrittenObject = { readonly pod: unknown } | { readonly object: unknown };

/** The pod as plain JSON, whole. */
export function writePod(pod: PodObject): WrittenObject {
  return { pod: { ...pod, labels: [...pod.labels], annotations: [...pod.annotations] } };
}

/** The object as plain JSON, whole. */
export function writeObject(object: MetadataObject): WrittenObject {
  const controller = object.controller ?? null;
  return { object: { ...object, labels: [...object.labels], annotations: [...object.annotations], controller } };
}

/** What `writePod` wrote. @throws JsonFormError for anything else */
export function readPod(value: unknown): PodObject {
  const pod = record(value);
  return {
    uid: text(pod["uid"]),
    name: text(pod["name"]),
    namespace: text(pod["namespace"]),
    nodeName: text(pod["nodeName"]),
    hostname: text(pod["hostname"]),
    hostNetwork: flag(pod["hostNetwork"]),
    podIps: list(pod["podIps"]).map(text),
    createdMs: count(pod["createdMs"]),
    startedMs: count(pod["startedMs"]),
    deletedMs: count(pod["deletedMs"]),
    labels: texts(pod["labels"]),
    annotations: texts(pod["annotations"]),
    owners: list(pod["owners"]).map(ownerOf),
    containers: list(pod["containers"]).map(containerOf),
  };
}

/** What `writeObject` wrote. @throws JsonFormError for anything else */
export function readObject(value: unknown): MetadataObject {
  const object = record(value);
  return {
    kind: readKind(object["kind"]),
    uid: text(object["uid"]),
    name: text(object["name"]),
    namespace: text(object["namespace"]),
    labels: texts(object["labels"]),
    annotations: texts(object["annotations"]),
    controller: object["controller"] === null ? undefined : ownerOf(object["controller"]),
  };
}

/** The kind of objects that a value names. @throws JsonFormError for anything else */
export function readKind(value: unknown): ObjectKind {
  const kind = text(value);
  if (!Object.hasOwn(KINDS, kind)) throw new JsonFormError("no kind of object");
  return kind as ObjectKind;
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
  if (kind === undefined) throw new JsonFormError("no kind of container");
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

function texts(value: unknown): ReadonlyMap<string, string> {
  return new Map(
    list(value).map((entry): [string, string] => {
      const [key, told] = list(entry);
      return [text(key), text(told)];
    }),
  );
}
