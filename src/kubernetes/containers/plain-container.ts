import type { KeptKeys } from "../decoding/kept-keys.ts";
import type { PodObject } from "../objects.ts";

/** A container that is no pod's: started by docker, docker compose, nerdctl or ctr. */
export interface PlainContainer {
  /** As the runtime knows it; 64 hexadecimal digits, but for `ctr`, whose users choose. */
  readonly id: string;
  readonly name: string;
  /** As it was asked for. */
  readonly image: string;
  /** With a digest; empty where the runtime doesn't say. */
  readonly imageId: string;
  /** docker compose's among them: `com.docker.compose.project`, `com.docker.compose.service`. */
  readonly labels: ReadonlyMap<string, string>;
  /** In milliseconds since the epoch; 0 where the runtime doesn't say. */
  readonly createdMs: number;
}

/** A runtime that lists its containers. */
export interface ContainerLister {
  /** Where it is, for people. */
  readonly from: string;
  /** As in container ids, e.g. `docker`. */
  readonly scheme: string;
  /** All containers that it has. Rejects when it can't tell. */
  list(signal: AbortSignal): Promise<readonly PlainContainer[]>;
  close(): Promise<void>;
}

/**
 * The container as a pod of one container that has neither name nor uid, for it is none: who is named by it gets what is
 * known of the container and of no pod.
 */
export function podOfContainer(container: PlainContainer, scheme: string, nodeName: string, keys: KeptKeys): PodObject {
  const { id, name, image, imageId, labels, createdMs } = container;
  return {
    uid: "",
    name: "",
    namespace: "",
    nodeName,
    hostname: "",
    hostNetwork: false,
    podIps: [],
    createdMs,
    startedMs: createdMs,
    deletedMs: 0,
    labels: new Map([...labels].filter(([key]) => keys.label(key))),
    annotations: new Map(),
    owners: [],
    containers: [
      {
        name,
        kind: "app",
        image,
        containerId: `${scheme}://${id}`,
        previousContainerId: "",
        restartCount: 0,
        imageId,
      },
    ],
  };
}
