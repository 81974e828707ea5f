import { Reader, WireType } from "#wire";
import type { KeptKeys } from "./kept-keys.ts";
import { MetadataProtobufReader } from "./metadata-protobuf.ts";
import type { PodContainer } from "../objects.ts";
import { addPodIp, containerOf, emptyPod, type PodDraft } from "./pod-draft.ts";
import type { StringTable } from "./string-table.ts";

// Field numbers: k8s.io/api core/v1/generated.proto (v0.35).
const Pod = { METADATA: 1, SPEC: 2, STATUS: 3 } as const;
const Spec = {
  CONTAINERS: 2,
  NODE_NAME: 10,
  HOST_NETWORK: 11,
  HOSTNAME: 16,
  INIT_CONTAINERS: 20,
  EPHEMERAL_CONTAINERS: 34,
} as const;
const Container = { NAME: 1, IMAGE: 2 } as const;
const Ephemeral = { COMMON: 1 } as const;
const Status = {
  POD_IP: 6,
  START_TIME: 7,
  CONTAINERS: 8,
  INIT_CONTAINERS: 10,
  POD_IPS: 12,
  EPHEMERAL_CONTAINERS: 13,
} as const;
const PodIp = { IP: 1 } as const;
const ContainerStatus = { NAME: 1, LAST_STATE: 3, RESTART_COUNT: 5, IMAGE_ID: 7, CONTAINER_ID: 8 } as const;
const ContainerState = { TERMINATED: 3 } as const;
const Terminated = { CONTAINER_ID: 7 } as const;

/**
 * Reads the fields of `PodObject` out of a core/v1 Pod as protobuf, in place: everything else is stepped over by its
 * length. A message that is broken is read up to the break, and its neighbors in full.
 */
export class PodProtobufReader {
  /** Whether some message of the pod read last was broken. */
  malformed = false;
  readonly #strings: StringTable;
  readonly #metadata: MetadataProtobufReader;
  // One reader a level of nesting.
  readonly #pod = new Reader();
  readonly #section = new Reader();
  readonly #entry = new Reader();
  readonly #inner = new Reader();
  readonly #leaf = new Reader();
  #bytes: Buffer = Buffer.alloc(0);

  constructor(keys: KeptKeys, strings: StringTable) {
    this.#strings = strings;
    this.#metadata = new MetadataProtobufReader(keys, strings);
  }

  /** Reads the Pod at `bytes[start, end)`. */
  read(bytes: Buffer, start: number, end: number): PodDraft {
    const pod = emptyPod();
    this.#bytes = bytes;
    this.malformed = this.#metadata.malformed = false;
    const reader = this.#pod;
    reader.reset(bytes, start, end);
    while (reader.next()) {
      if (reader.wireType !== WireType.LEN) continue;
      if (reader.field === Pod.METADATA) this.#metadata.read(bytes, reader.start, reader.end, pod);
      else if (reader.field === Pod.SPEC) this.#spec(pod, reader);
      else if (reader.field === Pod.STATUS) this.#status(pod, reader);
    }
    this.#finish(reader);
    if (this.#metadata.malformed) this.malformed = true;
    return pod;
  }

  #spec(pod: PodDraft, outer: Reader): void {
    const reader = this.#into(this.#section, outer);
    while (reader.next()) {
      if (reader.wireType === WireType.VARINT) {
        if (reader.field === Spec.HOST_NETWORK) pod.hostNetwork = reader.uint() !== 0;
        continue;
      }
      if (reader.wireType !== WireType.LEN) continue;
      switch (reader.field) {
        case Spec.NODE_NAME:
          pod.nodeName = this.#shared(reader);
          break;
        case Spec.HOSTNAME:
          pod.hostname = this.#text(reader);
          break;
        case Spec.CONTAINERS:
          this.#container(pod, "app", this.#entry, reader);
          break;
        case Spec.INIT_CONTAINERS:
          this.#container(pod, "init", this.#entry, reader);
          break;
        case Spec.EPHEMERAL_CONTAINERS:
          this.#ephemeralContainer(pod, reader);
          break;
      }
    }
    this.#finish(reader);
  }

  #ephemeralContainer(pod: PodDraft, outer: Reader): void {
    const reader = this.#into(this.#entry, outer);
    while (reader.next()) {
      if (reader.field === Ephemeral.COMMON && reader.wireType === WireType.LEN) {
        this.#container(pod, "ephemeral", this.#inner, reader);
      }
    }
    this.#finish(reader);
  }

  #container(pod: PodDraft, kind: PodContainer["kind"], free: Reader, outer: Reader): void {
    const reader = this.#into(free, outer);
    let [name, image] = ["", ""];
    while (reader.next()) {
      if (reader.wireType !== WireType.LEN) continue;
      if (reader.field === Container.NAME) name = this.#shared(reader);
      else if (reader.field === Container.IMAGE) image = this.#shared(reader);
    }
    this.#finish(reader);
    const container = containerOf(pod, kind, name);
    if (container) container.image = image;
  }

  #status(pod: PodDraft, outer: Reader): void {
    const reader = this.#into(this.#section, outer);
    while (reader.next()) {
      if (reader.wireType !== WireType.LEN) continue;
      switch (reader.field) {
        case Status.POD_IP:
          addPodIp(pod, this.#text(reader), true);
          break;
        case Status.POD_IPS:
          addPodIp(pod, this.#textField(PodIp.IP, reader), false);
          break;
        case Status.START_TIME:
          pod.startedMs = this.#metadata.time(this.#bytes, reader.start, reader.end);
          break;
        case Status.CONTAINERS:
          this.#containerStatus(pod, "app", reader);
          break;
        case Status.INIT_CONTAINERS:
          this.#containerStatus(pod, "init", reader);
          break;
        case Status.EPHEMERAL_CONTAINERS:
          this.#containerStatus(pod, "ephemeral", reader);
          break;
      }
    }
    this.#finish(reader);
  }

  #containerStatus(pod: PodDraft, kind: PodContainer["kind"], outer: Reader): void {
    const reader = this.#into(this.#entry, outer);
    let [name, imageId, containerId, previousContainerId, restartCount] = ["", "", "", "", 0];
    while (reader.next()) {
      if (reader.wireType === WireType.VARINT) {
        if (reader.field === ContainerStatus.RESTART_COUNT) restartCount = reader.int();
        continue;
      }
      if (reader.wireType !== WireType.LEN) continue;
      switch (reader.field) {
        case ContainerStatus.NAME:
          name = this.#shared(reader);
          break;
        case ContainerStatus.LAST_STATE:
          previousContainerId = this.#terminatedContainerId(reader);
          break;
        case ContainerStatus.IMAGE_ID:
          imageId = this.#shared(reader);
          break;
        case ContainerStatus.CONTAINER_ID:
          containerId = this.#text(reader);
          break;
      }
    }
    this.#finish(reader);
    const container = containerOf(pod, kind, name);
    if (!container) return;
    container.imageId = imageId;
    container.containerId = containerId;
    container.previousContainerId = previousContainerId;
    container.restartCount = restartCount;
  }

  /** containerID of state.terminated. */
  #terminatedContainerId(outer: Reader): string {
    const reader = this.#into(this.#inner, outer);
    let id = "";
    while (reader.next()) {
      if (reader.field === ContainerState.TERMINATED && reader.wireType === WireType.LEN) {
        id = this.#textField(Terminated.CONTAINER_ID, reader);
      }
    }
    this.#finish(reader);
    return id;
  }

  /** One text of a message that holds nothing else of interest. */
  #textField(field: number, outer: Reader): string {
    const reader = this.#into(this.#leaf, outer);
    let text = "";
    while (reader.next()) {
      if (reader.field === field && reader.wireType === WireType.LEN) text = this.#text(reader);
    }
    this.#finish(reader);
    return text;
  }

  #into(reader: Reader, outer: Reader): Reader {
    reader.reset(this.#bytes, outer.start, outer.end);
    return reader;
  }

  #finish(reader: Reader): void {
    if (reader.failed) this.malformed = true;
  }

  /** Text that other pods are likely to have too. */
  #shared(reader: Reader): string {
    return this.#strings.intern(this.#bytes, reader.start, reader.end);
  }

  #text(reader: Reader): string {
    return this.#bytes.toString("utf8", reader.start, reader.end);
  }
}
