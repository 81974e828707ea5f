import type { ObjectKind } from "../objects.ts";

/** A kind of object as the API names it. */
export interface Resource {
  /** API group, empty for the core group. */
  readonly group: string;
  readonly version: string;
  /** Plural, lower case, as in paths and RBAC rules. */
  readonly name: string;
}

export const PODS: Resource = { group: "", version: "v1", name: "pods" };

/** Where the objects around pods are found. */
export const RESOURCES: Readonly<Record<ObjectKind, Resource & { readonly namespaced: boolean }>> = {
  Namespace: { group: "", version: "v1", name: "namespaces", namespaced: false },
  Node: { group: "", version: "v1", name: "nodes", namespaced: false },
  ReplicaSet: { group: "apps", version: "v1", name: "replicasets", namespaced: true },
  Deployment: { group: "apps", version: "v1", name: "deployments", namespaced: true },
  StatefulSet: { group: "apps", version: "v1", name: "statefulsets", namespaced: true },
  DaemonSet: { group: "apps", version: "v1", name: "daemonsets", namespaced: true },
  Job: { group: "batch", version: "v1", name: "jobs", namespaced: true },
  CronJob: { group: "batch", version: "v1", name: "cronjobs", namespaced: true },
};

/** Which objects of a resource to follow. */
export interface Selection {
  /** Only this namespace; all by default. */
  readonly namespace?: string | undefined;
  /** As the API takes it, e.g. `spec.nodeName=node-1`. */
  readonly fieldSelector?: string | undefined;
  /** As the API takes it, e.g. `app=shop,tier!=cache`. */
  readonly labelSelector?: string | undefined;
}

/** Path of the collection. */
export function collectionPath({ group, version, name }: Resource, namespace: string | undefined): string {
  const root = group === "" ? `/api/${version}` : `/apis/${group}/${version}`;
  return `${root}${namespace ? `/namespaces/${encodeURIComponent(namespace)}` : ""}/${name}`;
}
