import type { KeptKeys } from "../decoding/kept-keys.ts";
import type { PodContainer, PodObject } from "../objects.ts";
import type { CriContainer, CriImage, CriNetwork, CriSandbox } from "./cri-messages.ts";

/** What the kubelet adds to the labels of sandboxes and containers, and pods don't have. */
const KUBELETS_LABEL = /^io\.kubernetes\.(?:pod|container)\./;
const POD_NAME = "io.kubernetes.pod.name";
const POD_NAMESPACE = "io.kubernetes.pod.namespace";
const POD_UID = "io.kubernetes.pod.uid";
/** What an image is known by where nobody kept its name. */
const BARE_IMAGE_ID = /^(?:sha256:)?[0-9a-f]{64}$/;

/** All that a runtime told. */
export interface CriFindings {
  /** As in container ids, e.g. `containerd`. */
  readonly runtimeName: string;
  readonly sandboxes: readonly CriSandbox[];
  readonly containers: readonly CriContainer[];
  /** By the id of the sandbox, as far as it was asked for. */
  readonly networks: ReadonlyMap<string, CriNetwork>;
  /** By `imageKeyOf`, as far as the runtime has them. */
  readonly images: ReadonlyMap<string, CriImage | undefined>;
  /** The node, as far as somebody knows. */
  readonly nodeName: string;
}

/** What to ask the runtime for to learn the names of a container's image. */
export function imageKeyOf({ imageRef, image }: CriContainer): string {
  return imageRef || image;
}

/**
 * Pods as far as a runtime knows them: names, labels, annotations, addresses, the last two runs of each container. It
 * doesn't know owners, and doesn't tell init containers from others. `createdMs` is when the first sandbox was made,
 * which the kubelet does a moment after the pod was created.
 */
export function podsOf(findings: CriFindings, keys: KeptKeys): PodObject[] {
  const drafts = new Map<string, Draft>();
  const bySandbox = new Map<string, Draft>();
  const draftOf = (uid: string): Draft => {
    let draft = drafts.get(uid);
    if (draft === undefined) drafts.set(uid, (draft = { sandboxes: [], runs: new Map(), facts: undefined }));
    return draft;
  };
  for (const sandbox of findings.sandboxes) {
    if (sandbox.uid === "") continue;
    const draft = draftOf(sandbox.uid);
    draft.sandboxes.push(sandbox);
    bySandbox.set(sandbox.id, draft);
  }
  for (const container of findings.containers) {
    // A sandbox can be gone before the containers that were in it.
    const uid = container.labels.get(POD_UID) ?? "";
    const draft = bySandbox.get(container.sandboxId) ?? (uid === "" ? undefined : draftOf(uid));
    if (draft === undefined || container.id === "") continue;
    draft.facts ??= container;
    const runs = draft.runs.get(container.name) ?? [];
    draft.runs.set(container.name, [...runs, container]);
  }
  return [...drafts].map(([uid, draft]) => podOf(uid, draft, findings, keys));
}

interface Draft {
  readonly sandboxes: CriSandbox[];
  readonly runs: Map<string, CriContainer[]>;
  /** A container that tells what its pod's sandbox would. */
  facts: CriContainer | undefined;
}

function podOf(uid: string, { sandboxes, runs, facts }: Draft, findings: CriFindings, keys: KeptKeys): PodObject {
  const [newest, ...older] = sandboxes.toSorted((a, b) => b.createdMs - a.createdMs);
  const network = newest === undefined ? undefined : findings.networks.get(newest.id);
  const createdMs = (older.at(-1) ?? newest)?.createdMs ?? 0;
  return {
    uid,
    name: newest?.name ?? facts?.labels.get(POD_NAME) ?? "",
    namespace: newest?.namespace ?? facts?.labels.get(POD_NAMESPACE) ?? "",
    nodeName: findings.nodeName,
    hostname: "",
    hostNetwork: network?.isHosts ?? false,
    podIps: network?.ips ?? [],
    createdMs,
    startedMs: createdMs,
    deletedMs: 0,
    labels: kept(newest?.labels, (key) => !KUBELETS_LABEL.test(key) && keys.label(key)),
    annotations: kept(newest?.annotations, (key) => keys.annotation(key)),
    owners: [],
    containers: [...runs].map(([name, list]) => containerOf(name, list, findings)),
  };
}

function containerOf(name: string, runs: readonly CriContainer[], findings: CriFindings): PodContainer {
  const [current, previous] = runs.toSorted((a, b) => b.attempt - a.attempt || b.createdMs - a.createdMs);
  const image = findings.images.get(imageKeyOf(current!));
  const idOf = (run: CriContainer | undefined): string =>
    run === undefined ? "" : `${findings.runtimeName}://${run.id}`;
  return {
    name,
    kind: "app",
    image: BARE_IMAGE_ID.test(current!.image) ? (image?.tag ?? "") : current!.image,
    containerId: idOf(current),
    previousContainerId: idOf(previous),
    restartCount: current!.attempt,
    imageId: image?.digest || current!.imageRef,
  };
}

const NONE: ReadonlyMap<string, string> = new Map();

function kept(
  texts: ReadonlyMap<string, string> = NONE,
  wanted: (key: string) => boolean,
): ReadonlyMap<string, string> {
  const entries = [...texts].filter(([key]) => wanted(key));
  return entries.length === 0 ? NONE : new Map(entries);
}
