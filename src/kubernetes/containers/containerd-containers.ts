/**
 * Containers as containerd's own API lists them. Field numbers are those of containerd's `api/services/containers/v1` and
 * `namespaces/v1` (v1.7).
 */
import type { CriConnection } from "../cri/follow-cri.ts";
import { addEntry, inside, number, readList, type Span, text, walk } from "../decoding/message-walk.ts";
import type { ContainerLister, PlainContainer } from "./plain-container.ts";

/** Containers of the kubelet, which its CRI tells of, and of docker, of which containerd doesn't know the names. */
const OTHERS_NAMESPACES: readonly string[] = ["k8s.io", "moby"];
/** How nerdctl writes down the name that a user gave. */
const NERDCTL_NAME = "nerdctl/name";
/** `OK`. */
const COMPLETE = "grpc_0";
const NO_FILTERS: Uint8Array = new Uint8Array(0);
const MAX_CONTAINERS = 65_536;

/** Lists what nerdctl, ctr and the like have started at that containerd. Owns the connection. */
export function containerdContainers(connection: CriConnection, socket: string): ContainerLister {
  return {
    from: `containerd at ${socket}`,
    scheme: "containerd",
    async list(signal) {
      const reply = await connection.call("/containerd.services.namespaces.v1.Namespaces/List", NO_FILTERS, signal);
      const containers: PlainContainer[] = [];
      for (const namespace of readNamespaces(reply)) {
        if (OTHERS_NAMESPACES.includes(namespace)) continue;
        // As a stream: with their specifications, some hundred containers are more than a message may have.
        const end = await connection.follow(
          "/containerd.services.containers.v1.Containers/ListStream",
          NO_FILTERS,
          (message) => {
            if (containers.length >= MAX_CONTAINERS) throw new Error(`more than ${MAX_CONTAINERS} containers`);
            containers.push(...readContainers(message));
          },
          signal,
          { "containerd-namespace": namespace },
        );
        if (end.code !== COMPLETE) throw end;
      }
      return containers;
    },
    close: () => connection.close(),
  };
}

/** ListNamespacesResponse: their names. */
export function readNamespaces(bytes: Uint8Array): readonly string[] {
  return readList("ListNamespacesResponse", bytes, (span) => {
    let name = "";
    walk("Namespace", span, (reader) => {
      if (reader.field === 1) name = text(reader);
    });
    return name;
  });
}

/** ListContainerMessage, or ListContainersResponse, which looks the same with more containers. */
export function readContainers(bytes: Uint8Array): readonly PlainContainer[] {
  return readList("ListContainerMessage", bytes, readContainer);
}

function readContainer(span: Span): PlainContainer {
  let [id, image, createdMs] = ["", "", 0];
  const labels = new Map<string, string>();
  walk("Container", span, (reader) => {
    if (reader.field === 1) id = text(reader);
    else if (reader.field === 2) addEntry(reader, labels);
    else if (reader.field === 3) image = text(reader);
    else if (reader.field === 8) createdMs = millisecondsOf(inside(reader));
  });
  return { id, name: labels.get(NERDCTL_NAME) ?? id, image, imageId: "", labels, createdMs };
}

/** google.protobuf.Timestamp. */
function millisecondsOf(timestamp: Span): number {
  let [seconds, nanos] = [0, 0];
  walk("Timestamp", timestamp, (reader) => {
    if (reader.field === 1) seconds = number(reader);
    else if (reader.field === 2) nanos = number(reader);
  });
  return seconds * 1000 + Math.trunc(nanos / 1e6);
}
