/**
 * The few messages of the Container Runtime Interface that tell who is who. Field numbers are those of cri-api
 * `runtime/v1/api.proto` (v0.35).
 */
import { Writer } from "#wire";
import { addEntry, inside, number, readList, type Span, text, walk, whole } from "../decoding/message-walk.ts";

/** The sandbox of a pod. */
export interface CriSandbox {
  readonly id: string;
  readonly name: string;
  readonly uid: string;
  readonly namespace: string;
  /** When it was made, in milliseconds since the epoch; 0 where the runtime doesn't say. */
  readonly createdMs: number;
  /** Whether its network is there. */
  readonly isReady: boolean;
  readonly labels: ReadonlyMap<string, string>;
  readonly annotations: ReadonlyMap<string, string>;
}

/** One run of a container. */
export interface CriContainer {
  readonly id: string;
  readonly sandboxId: string;
  readonly name: string;
  /** How often it was restarted before this run. */
  readonly attempt: number;
  /** The image as the pod's author wrote it, where the runtime keeps that; else as the kubelet asked for it. */
  readonly image: string;
  /** What the runtime knows the image by. */
  readonly imageRef: string;
  /** In milliseconds since the epoch; 0 where the runtime doesn't say. */
  readonly createdMs: number;
  readonly labels: ReadonlyMap<string, string>;
}

/** What a sandbox's status adds. */
export interface CriNetwork {
  readonly ips: readonly string[];
  /** Whether the pod uses the host's network; its addresses are the node's then. */
  readonly isHosts: boolean;
}

/** An image by its names. */
export interface CriImage {
  /** e.g. `docker.io/library/app:1.2`; empty where it has none. */
  readonly tag: string;
  /** e.g. `docker.io/library/app@sha256:…`; empty where it has none. */
  readonly digest: string;
}

const SANDBOX_READY = 0;
/** `NamespaceMode.NODE`. */
const HOSTS_NAMESPACE = 2;
const MS_NS = 1_000_000;

/** A request without fields: Version, ListPodSandbox and ListContainers without filters. */
export const EMPTY_REQUEST: Uint8Array = new Uint8Array(0);

/** PodSandboxStatusRequest. */
export function sandboxStatusRequest(sandboxId: string): Uint8Array {
  const writer = new Writer();
  writer.string(1, sandboxId);
  return Buffer.from(writer.finish());
}

/** ImageStatusRequest. */
export function imageStatusRequest(image: string): Uint8Array {
  const writer = new Writer();
  writer.open(1);
  writer.string(1, image);
  writer.close();
  return Buffer.from(writer.finish());
}

/** VersionResponse: the runtime's name as in container ids, e.g. `containerd`. */
export function readRuntimeName(bytes: Uint8Array): string {
  let name = "";
  walk("VersionResponse", whole(bytes), (reader) => {
    if (reader.field === 2) name = text(reader);
  });
  return name;
}

/** ListPodSandboxResponse. */
export function readSandboxes(bytes: Uint8Array): CriSandbox[] {
  return readList("ListPodSandboxResponse", bytes, readSandbox);
}

/** ListContainersResponse. */
export function readContainers(bytes: Uint8Array): CriContainer[] {
  return readList("ListContainersResponse", bytes, readContainer);
}

/** PodSandboxStatusResponse. */
export function readNetwork(bytes: Uint8Array): CriNetwork {
  const ips: string[] = [];
  let isHosts = false;
  const add = (ip: string): void => {
    if (ip !== "" && !ips.includes(ip) && ips.length < 16) ips.push(ip);
  };
  walk("PodSandboxStatusResponse", whole(bytes), (response) => {
    if (response.field !== 1) return;
    walk("PodSandboxStatus", inside(response), (status) => {
      if (status.field === 5) {
        walk("PodSandboxNetworkStatus", inside(status), (network) => {
          if (network.field === 1) add(text(network));
          else if (network.field === 2) {
            walk("PodIP", inside(network), (ip) => {
              if (ip.field === 1) add(text(ip));
            });
          }
        });
      } else if (status.field === 6) isHosts = networkModeOf(inside(status)) === HOSTS_NAMESPACE;
    });
  });
  return { ips, isHosts };
}

/** ImageStatusResponse; undefined for an image that the runtime doesn't have. */
export function readImage(bytes: Uint8Array): CriImage | undefined {
  let image: CriImage | undefined;
  walk("ImageStatusResponse", whole(bytes), (response) => {
    if (response.field !== 1) return;
    let [tag, digest] = ["", ""];
    walk("Image", inside(response), (reader) => {
      if (reader.field === 2) tag ||= text(reader);
      else if (reader.field === 3) digest ||= text(reader);
    });
    image = { tag, digest };
  });
  return image;
}

/** LinuxPodSandboxStatus → Namespace → NamespaceOption → network. */
function networkModeOf(linux: Span): number {
  let mode = 0;
  walk("LinuxPodSandboxStatus", linux, (reader) => {
    if (reader.field !== 1) return;
    walk("Namespace", inside(reader), (namespace) => {
      if (namespace.field !== 2) return;
      walk("NamespaceOption", inside(namespace), (option) => {
        if (option.field === 1) mode = number(option);
      });
    });
  });
  return mode;
}

function readSandbox(span: Span): CriSandbox {
  let [id, name, uid, namespace, createdMs, state] = ["", "", "", "", 0, SANDBOX_READY];
  const labels = new Map<string, string>();
  const annotations = new Map<string, string>();
  walk("PodSandbox", span, (reader) => {
    switch (reader.field) {
      case 1:
        id = text(reader);
        break;
      case 2:
        walk("PodSandboxMetadata", inside(reader), (metadata) => {
          if (metadata.field === 1) name = text(metadata);
          else if (metadata.field === 2) uid = text(metadata);
          else if (metadata.field === 3) namespace = text(metadata);
        });
        break;
      case 3:
        state = number(reader);
        break;
      case 4:
        createdMs = Math.trunc(number(reader) / MS_NS);
        break;
      case 5:
        addEntry(reader, labels);
        break;
      case 6:
        addEntry(reader, annotations);
    }
  });
  return { id, name, uid, namespace, createdMs, isReady: state === SANDBOX_READY, labels, annotations };
}

function readContainer(span: Span): CriContainer {
  let [id, sandboxId, name, attempt, asked, written, imageRef, createdMs] = ["", "", "", 0, "", "", "", 0];
  const labels = new Map<string, string>();
  walk("Container", span, (reader) => {
    switch (reader.field) {
      case 1:
        id = text(reader);
        break;
      case 2:
        sandboxId = text(reader);
        break;
      case 3:
        walk("ContainerMetadata", inside(reader), (metadata) => {
          if (metadata.field === 1) name = text(metadata);
          else if (metadata.field === 2) attempt = number(metadata);
        });
        break;
      case 4:
        walk("ImageSpec", inside(reader), (image) => {
          if (image.field === 1) asked = text(image);
          else if (image.field === 18) written = text(image);
        });
        break;
      case 5:
        imageRef = text(reader);
        break;
      case 7:
        createdMs = Math.trunc(number(reader) / MS_NS);
        break;
      case 8:
        addEntry(reader, labels);
    }
  });
  return { id, sandboxId, name, attempt, image: written || asked, imageRef, createdMs, labels };
}
