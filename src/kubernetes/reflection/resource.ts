/** A kind of object as the API names it. */
export interface Resource {
  /** API group, empty for the core group. */
  readonly group: string;
  readonly version: string;
  /** Plural, lower case, as in paths and RBAC rules. */
  readonly name: string;
}

export const PODS: Resource = { group: "", version: "v1", name: "pods" };

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
