import type { ObjectKind, Selection } from "#kubernetes";
import type { Wanted } from "./object-needs.ts";

/** One list and watch of the API server. */
export interface PlannedWatch {
  readonly kind: ObjectKind | "Pod";
  readonly selection: Selection;
}

/** A rule of a Role or ClusterRole, as `kubectl` prints it, with where it is needed. */
export interface AccessRule {
  /** API group, empty for the core group. */
  readonly apiGroup: string;
  /** Plural, e.g. `replicasets`. */
  readonly resource: string;
  readonly verbs: readonly string[];
  /** The namespace whose Role has to have the rule; undefined for a ClusterRole. */
  readonly namespace: string | undefined;
  /** The objects that it can be restricted to; undefined for all. */
  readonly resourceNames: readonly string[] | undefined;
}

/** Kinds that belong to no namespace. */
const OF_THE_CLUSTER: readonly ObjectKind[] = ["Namespace", "Node"];
const NODE_OF_PODS = /(?:^|,)spec\.nodeName=((?:[^,\\=!]|\\.)+)(?:,|$)/;

/** The one node whose pods a selection is for; undefined where it is for several, or says it in another way. */
export function nodeOf({ fieldSelector = "" }: Selection): string | undefined {
  return NODE_OF_PODS.exec(fieldSelector)?.[1]?.replaceAll(/\\(.)/g, "$1");
}

/**
 * What has to be listed and watched for pods of that selection and all that is wanted around them: one watch a kind.
 * A namespace restricts everything that has one, a node itself and its pods; labels and other fields are the pods' own.
 */
export function watchPlan(pods: Selection, wanted: Pick<Wanted, "objects">): readonly PlannedWatch[] {
  const node = NODE_OF_PODS.exec(pods.fieldSelector ?? "")?.[1];
  const plan: PlannedWatch[] = [{ kind: "Pod", selection: pods }];
  for (const [kind, { only }] of wanted.objects) {
    const name = only ?? (kind === "Node" ? node : undefined);
    plan.push({
      kind,
      selection: {
        ...(pods.namespace === undefined || OF_THE_CLUSTER.includes(kind) ? {} : { namespace: pods.namespace }),
        ...(name === undefined ? {} : { fieldSelector: `metadata.name=${name}` }),
      },
    });
  }
  return plan;
}

/** The rights that a plan needs, no more and no less. */
export async function accessRules(plan: readonly PlannedWatch[]): Promise<readonly AccessRule[]> {
  const { PODS, RESOURCES } = await import("#kubernetes");
  return plan.map(({ kind, selection }) => {
    const { group, name } = kind === "Pod" ? PODS : RESOURCES[kind];
    // The API server lets a rule with names pass where the request asks for just that name.
    const only = kind === "Pod" ? undefined : /^metadata\.name=(.+)$/.exec(selection.fieldSelector ?? "")?.[1];
    return {
      apiGroup: group,
      resource: name,
      verbs: ["list", "watch"],
      namespace: selection.namespace,
      resourceNames: only === undefined ? undefined : [only.replaceAll(/\\(.)/g, "$1")],
    };
  });
}
