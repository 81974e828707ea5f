import type { KeptKeys } from "./kept-keys.ts";
import type { PodContainer } from "../objects.ts";
import { addOwner, addPodIp, containerOf, emptyPod, setAnnotation, setLabel, type PodDraft } from "./pod-draft.ts";
import type { StringTable } from "./string-table.ts";

type JsonObject = Readonly<Record<string, unknown>>;

/** Reads the fields of `PodObject` out of a core/v1 Pod as parsed JSON. A value of a wrong type counts as absent. */
export class PodJsonReader {
  /** Whether some value of the pod read last had a wrong type. */
  malformed = false;
  readonly #keys: KeptKeys;
  readonly #strings: StringTable;

  constructor(keys: KeptKeys, strings: StringTable) {
    this.#keys = keys;
    this.#strings = strings;
  }

  read(value: unknown): PodDraft {
    this.malformed = false;
    const pod = emptyPod();
    const root = this.#object(value);
    this.#metadata(pod, this.#object(root["metadata"]));
    this.#spec(pod, this.#object(root["spec"]));
    this.#status(pod, this.#object(root["status"]));
    return pod;
  }

  #metadata(pod: PodDraft, metadata: JsonObject): void {
    pod.name = this.#text(metadata["name"]);
    pod.namespace = this.#shared(metadata["namespace"]);
    pod.uid = this.#text(metadata["uid"]);
    pod.createdMs = this.#time(metadata["creationTimestamp"]);
    pod.deletedMs = this.#time(metadata["deletionTimestamp"]);
    const [labels, annotations] = [this.#object(metadata["labels"]), this.#object(metadata["annotations"])];
    for (const key of Object.keys(labels)) {
      if (this.#keys.label(key)) setLabel(pod, this.#shared(key), this.#shared(labels[key]));
    }
    for (const key of Object.keys(annotations)) {
      if (this.#keys.annotation(key)) setAnnotation(pod, this.#shared(key), this.#shared(annotations[key]));
    }
    for (const owner of this.#objects(metadata["ownerReferences"])) {
      addOwner(pod, {
        kind: this.#shared(owner["kind"]),
        name: this.#shared(owner["name"]),
        uid: this.#shared(owner["uid"]),
        controller: this.#flag(owner["controller"]),
      });
    }
  }

  #spec(pod: PodDraft, spec: JsonObject): void {
    pod.nodeName = this.#shared(spec["nodeName"]);
    pod.hostname = this.#text(spec["hostname"]);
    pod.hostNetwork = this.#flag(spec["hostNetwork"]);
    this.#containers(pod, "app", spec["containers"]);
    this.#containers(pod, "init", spec["initContainers"]);
    this.#containers(pod, "ephemeral", spec["ephemeralContainers"]);
  }

  #containers(pod: PodDraft, kind: PodContainer["kind"], list: unknown): void {
    for (const entry of this.#objects(list)) {
      const container = containerOf(pod, kind, this.#shared(entry["name"]));
      if (container) container.image = this.#shared(entry["image"]);
    }
  }

  #status(pod: PodDraft, status: JsonObject): void {
    pod.startedMs = this.#time(status["startTime"]);
    addPodIp(pod, this.#text(status["podIP"]), true);
    for (const entry of this.#objects(status["podIPs"])) addPodIp(pod, this.#text(entry["ip"]), false);
    this.#containerStatuses(pod, "app", status["containerStatuses"]);
    this.#containerStatuses(pod, "init", status["initContainerStatuses"]);
    this.#containerStatuses(pod, "ephemeral", status["ephemeralContainerStatuses"]);
  }

  #containerStatuses(pod: PodDraft, kind: PodContainer["kind"], list: unknown): void {
    for (const entry of this.#objects(list)) {
      const container = containerOf(pod, kind, this.#shared(entry["name"]));
      if (!container) continue;
      const terminated = this.#object(this.#object(entry["lastState"])["terminated"]);
      container.imageId = this.#shared(entry["imageID"]);
      container.containerId = this.#text(entry["containerID"]);
      container.previousContainerId = this.#text(terminated["containerID"]);
      container.restartCount = this.#count(entry["restartCount"]);
    }
  }

  #object(value: unknown): JsonObject {
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as JsonObject;
    if (value !== undefined && value !== null) this.malformed = true;
    return {};
  }

  #objects(value: unknown): readonly JsonObject[] {
    if (Array.isArray(value)) return value.map((entry) => this.#object(entry));
    if (value !== undefined && value !== null) this.malformed = true;
    return [];
  }

  #text(value: unknown): string {
    return this.#typed(value, "string", "");
  }

  #shared(value: unknown): string {
    return this.#strings.internText(this.#text(value));
  }

  #flag(value: unknown): boolean {
    return this.#typed(value, "boolean", false);
  }

  #count(value: unknown): number {
    return this.#typed(value, "number", 0);
  }

  /** A time as RFC 3339. */
  #time(value: unknown): number {
    const text = this.#text(value);
    if (text === "") return 0;
    const ms = Date.parse(text);
    if (Number.isFinite(ms)) return ms;
    this.malformed = true;
    return 0;
  }

  #typed<T extends string | number | boolean>(value: unknown, type: "string" | "number" | "boolean", absent: T): T {
    if (typeof value === type) return value as T;
    if (value !== undefined && value !== null) this.malformed = true;
    return absent;
  }
}
