import { type JsonObject, JsonValues } from "./json-values.ts";
import type { KeptKeys } from "./kept-keys.ts";
import { readJsonMetadata } from "./metadata-json.ts";
import type { PodContainer } from "../objects.ts";
import { addPodIp, containerOf, emptyPod, type PodDraft } from "./pod-draft.ts";
import type { StringTable } from "./string-table.ts";

/** Reads the fields of `PodObject` out of a core/v1 Pod as parsed JSON. A value of a wrong type counts as absent. */
export class PodJsonReader {
  readonly #keys: KeptKeys;
  readonly #values: JsonValues;

  constructor(keys: KeptKeys, strings: StringTable) {
    this.#keys = keys;
    this.#values = new JsonValues(strings);
  }

  /** Whether some value of the pod read last had a wrong type. */
  get malformed(): boolean {
    return this.#values.malformed;
  }

  read(value: unknown): PodDraft {
    const values = this.#values;
    values.malformed = false;
    const pod = emptyPod();
    const root = values.object(value);
    readJsonMetadata(values.object(root["metadata"]), values, this.#keys, pod);
    this.#spec(pod, values.object(root["spec"]));
    this.#status(pod, values.object(root["status"]));
    return pod;
  }

  #spec(pod: PodDraft, spec: JsonObject): void {
    const values = this.#values;
    pod.nodeName = values.shared(spec["nodeName"]);
    pod.hostname = values.text(spec["hostname"]);
    pod.hostNetwork = values.flag(spec["hostNetwork"]);
    this.#containers(pod, "app", spec["containers"]);
    this.#containers(pod, "init", spec["initContainers"]);
    this.#containers(pod, "ephemeral", spec["ephemeralContainers"]);
  }

  #containers(pod: PodDraft, kind: PodContainer["kind"], list: unknown): void {
    const values = this.#values;
    for (const entry of values.objects(list)) {
      const container = containerOf(pod, kind, values.shared(entry["name"]));
      if (container) container.image = values.shared(entry["image"]);
    }
  }

  #status(pod: PodDraft, status: JsonObject): void {
    const values = this.#values;
    pod.startedMs = values.time(status["startTime"]);
    addPodIp(pod, values.text(status["podIP"]), true);
    for (const entry of values.objects(status["podIPs"])) addPodIp(pod, values.text(entry["ip"]), false);
    this.#containerStatuses(pod, "app", status["containerStatuses"]);
    this.#containerStatuses(pod, "init", status["initContainerStatuses"]);
    this.#containerStatuses(pod, "ephemeral", status["ephemeralContainerStatuses"]);
  }

  #containerStatuses(pod: PodDraft, kind: PodContainer["kind"], list: unknown): void {
    const values = this.#values;
    for (const entry of values.objects(list)) {
      const container = containerOf(pod, kind, values.shared(entry["name"]));
      if (!container) continue;
      const terminated = values.object(values.object(entry["lastState"])["terminated"]);
      container.imageId = values.shared(entry["imageID"]);
      container.containerId = values.text(entry["containerID"]);
      container.previousContainerId = values.text(terminated["containerID"]);
      container.restartCount = values.count(entry["restartCount"]);
    }
  }
}
