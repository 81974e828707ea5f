import type { KnownPod } from "./pods.ts";
import type { SentAttributes } from "./requests.ts";

/** A resource to be enriched. */
export interface AssociationCase {
  /** What is special about it; also sent as the attribute `test.case`. */
  readonly label: string;
  readonly attributes: SentAttributes;
  /** The pod that it is of; undefined where nobody can know. */
  readonly pod: KnownPod | undefined;
}

/** Every container of every pod by its bare id, as the eBPF profiler sends it. */
export function casesOfContainers(pods: readonly KnownPod[]): readonly AssociationCase[] {
  return pods.flatMap((pod) =>
    pod.containers
      .filter(({ id }) => id !== "")
      .map(({ id, kind, name }) => ({
        label: `${kind} container ${name} of ${pod.label}`,
        attributes: { "container.id": id },
        pod,
      })),
  );
}

/** Every pod by its uid, by its names, and by its address. */
export function casesOfPods(pods: readonly KnownPod[]): readonly AssociationCase[] {
  return pods.flatMap((pod) => {
    const cases: AssociationCase[] = [
      { label: `uid of ${pod.label}`, attributes: { "k8s.pod.uid": pod.uid }, pod },
      {
        label: `names of ${pod.label}`,
        attributes: { "k8s.namespace.name": pod.namespace, "k8s.pod.name": pod.name },
        pod,
      },
    ];
    // The address of a node belongs to no single pod.
    if (pod.ip !== undefined) {
      const known = pod.hostNetwork ? undefined : pod;
      cases.push({ label: `address of ${pod.label}`, attributes: { "k8s.pod.ip": pod.ip }, pod: known });
    }
    return cases;
  });
}

/** Other spellings of container ids, older instances, and what a sender may say beside the id. */
export function casesOfSenders(pods: readonly KnownPod[]): readonly AssociationCase[] {
  const pod = (label: string): KnownPod => {
    const found = pods.find((each) => each.label === label);
    if (found === undefined) throw new Error(`no pod "${label}"`);
    return found;
  };
  const bare = pod("bare 0");
  const id = bare.containers[0]!.id;
  const two = pod("two containers 0");
  const [app, proxy] = two.containers;
  const unknown = "f".repeat(64);
  const known = (label: string, attributes: SentAttributes, of = bare): AssociationCase => ({
    label,
    attributes,
    pod: of,
  });
  const nobody = (label: string, attributes: SentAttributes): AssociationCase => ({
    label,
    attributes,
    pod: undefined,
  });
  return [
    ...["containerd://", "docker://", "cri-o://"].map((scheme) =>
      known(`spelled ${scheme}`, { "container.id": `${scheme}${id}` }),
    ),
    known("spelled as a cgroup path of systemd", {
      "container.id": `/kubepods.slice/kubepods-burstable.slice/cri-containerd-${id}.scope`,
    }),
    known("spelled as a cgroup path of cgroupfs", { "container.id": `/kubepods/burstable/pod${bare.uid}/${id}` }),
    ...pods.flatMap((each) =>
      each.containers
        .filter(({ previousId }) => previousId !== undefined)
        .map(({ previousId = "" }) => known(`instance before, of ${each.label}`, { "container.id": previousId }, each)),
    ),
    nobody("unknown container", { "container.id": unknown }),
    known("unknown container, known uid", { "container.id": unknown, "k8s.pod.uid": bare.uid }),
    known("empty container id, known uid", { "container.id": "", "k8s.pod.uid": bare.uid }),
    nobody("container id that is a number", { "container.id": 7 }),
    nobody("no attribute that says anything", { "host.name": "node-1" }),
    known("service named by the sender", { "container.id": id, "service.name": "mine", "service.version": "0" }),
    known("service named unknown by an SDK", { "container.id": id, "service.name": "unknown_service" }),
    known("empty service name", { "container.id": id, "service.name": "" }),
    known("pod named by the sender", { "container.id": id, "k8s.pod.name": "another" }),
    known("image tags given by the sender", { "container.id": id, "container.image.tags": "mine" }),
    known("namespace given as a number", { "container.id": id, "k8s.namespace.name": 5 }),
    known("uid and container name", { "k8s.pod.uid": two.uid, "k8s.container.name": proxy!.name }, two),
    known("uid and a container name that the pod lacks", { "k8s.pod.uid": two.uid, "k8s.container.name": "no" }, two),
    known("container id and the name of another", { "container.id": app!.id, "k8s.container.name": proxy!.name }, two),
    known(
      "uid, container name and restart count",
      { "k8s.pod.uid": pod("restarted 1").uid, "k8s.container.name": "app", "k8s.container.restart_count": 2 },
      pod("restarted 1"),
    ),
    known(
      "uid, container name and the restart count of the instance before",
      { "k8s.pod.uid": pod("restarted 1").uid, "k8s.container.name": "app", "k8s.container.restart_count": 1 },
      pod("restarted 1"),
    ),
    nobody("service namespace from a namespace alone", { "k8s.namespace.name": "shop" }),
  ];
}

/** Resources of no known pod that name a namespace, a node or a workload. */
export function casesOfObjects(pods: readonly KnownPod[]): readonly AssociationCase[] {
  const nobody = (label: string, attributes: SentAttributes): AssociationCase => ({
    label,
    attributes,
    pod: undefined,
  });
  const owned = (kind: string): readonly AssociationCase[] => {
    const owner = pods.find((pod) => pod.owner?.kind === kind)?.owner;
    if (owner === undefined) throw new Error(`no pod of a ${kind}`);
    return [nobody(`uid of a ${kind}`, { [`k8s.${kind.toLowerCase()}.uid`]: owner.uid })];
  };
  return [
    nobody("name of a namespace", { "k8s.namespace.name": "tools" }),
    nobody("name of an unknown namespace", { "k8s.namespace.name": "nowhere" }),
    nobody("name of a node", { "k8s.node.name": "node-1" }),
    nobody("names of a namespace and a node", { "k8s.namespace.name": "shop", "k8s.node.name": "node-2" }),
    ...["StatefulSet", "DaemonSet", "Job"].flatMap(owned),
  ];
}
