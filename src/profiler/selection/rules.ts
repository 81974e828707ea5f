import type { ContainerInstance, IdentityNeeds, PodRecord } from "#identity";
import type { SamplePlace } from "../processes/index.ts";

/** A label or an annotation that a pod must have. */
export interface KeyRule {
  readonly key: string;
  /** Any of these; without them the key's being there is enough. */
  readonly values?: readonly string[];
}

/**
 * Who is sampled. What excludes wins; of what includes all keys that are given must match, and any of a key's values.
 * Without anything that includes everybody is, the host and the kernel among them; with it only containers and pods are,
 * and what lies below `cgroupPaths`.
 */
export interface SelectionRules {
  readonly namespaces?: { readonly include?: readonly string[]; readonly exclude?: readonly string[] };
  readonly pods?: {
    /** `namespace/name`. */
    readonly names?: readonly string[];
    /** All of them. */
    readonly labels?: readonly KeyRule[];
    /** All of them. */
    readonly annotations?: readonly KeyRule[];
  };
  /** Ids, their first digits (12 at least), or names of containers in their pods. */
  readonly containers?: { readonly include?: readonly string[]; readonly exclude?: readonly string[] };
  /** Control groups and all below, from the root of the hierarchy. */
  readonly cgroupPaths?: readonly string[];
  /** Whether pods opt out by the annotation `podflame.dev/profile: "false"`; true unless told. */
  readonly optOut?: boolean;
}

/** The annotation by which a pod says whether it may be profiled. */
export const PROFILE_ANNOTATION = "podflame.dev/profile";
/** Fewer digits of an id could be a name. */
const MIN_ID_DIGITS = 12;

/** What the rules say of a cgroup; `open` as long as they speak of a pod or container that isn't known yet. */
export type Verdict = "include" | "exclude" | "neither" | "open";

/** What is known of a cgroup. */
export interface Subject {
  readonly place: SamplePlace;
  /** The cgroup's own. */
  readonly path: string;
  readonly pod: PodRecord | undefined;
  readonly container: ContainerInstance | undefined;
}

/** Rules in the form in which they are applied. */
export class Selection {
  readonly #rules: SelectionRules;
  /** Whether only what the rules include is sampled. */
  readonly includes: boolean;
  /** Whether the rules can leave out anything at all. */
  readonly isTrivial: boolean;

  /** @param knowsPods whether anybody will tell of pods */
  constructor(rules: SelectionRules, knowsPods: boolean) {
    this.#rules = rules;
    const { namespaces, pods, containers, cgroupPaths } = rules;
    this.includes = [
      namespaces?.include,
      pods?.names,
      pods?.labels,
      pods?.annotations,
      containers?.include,
      cgroupPaths,
    ].some((list) => isGiven<unknown>(list));
    const optsOut = knowsPods && rules.optOut !== false;
    this.isTrivial = !this.includes && !optsOut && !isGiven(namespaces?.exclude) && !isGiven(containers?.exclude);
  }

  /** Labels and annotations of pods that must be known: what the directory is to be asked for. */
  get keys(): IdentityNeeds["keys"] {
    const { pods, optOut } = this.#rules;
    const labels = new Set(pods?.labels?.map(({ key }) => key));
    const annotations = new Set(pods?.annotations?.map(({ key }) => key));
    if (optOut !== false) annotations.add(PROFILE_ANNOTATION);
    return { label: (key) => labels.has(key), annotation: (key) => annotations.has(key) };
  }

  /** What the rules say. `neither`: nothing, so it is sampled unless they include. */
  verdict(subject: Subject): Verdict {
    if (this.#isExcluded(subject)) return "exclude";
    if (!this.includes) return "neither";
    let isOpen = false;
    for (const answer of [
      this.#includedByPath(subject),
      this.#includedByPod(subject),
      this.#includedByContainer(subject),
    ]) {
      if (answer === false) return "exclude";
      isOpen ||= answer === undefined;
    }
    return isOpen ? "open" : "include";
  }

  #isExcluded({ place, pod, container }: Subject): boolean {
    const { namespaces, containers, optOut } = this.#rules;
    if (containers?.exclude?.some((rule) => matchesContainer(rule, place, container)) === true) return true;
    if (pod === undefined) return false;
    if (optOut !== false && pod.pod.annotations.get(PROFILE_ANNOTATION) === "false") return true;
    return namespaces?.exclude?.includes(pod.pod.namespace) === true;
  }

  #includedByPath({ path }: Subject): boolean {
    const { cgroupPaths } = this.#rules;
    if (!isGiven(cgroupPaths)) return true;
    return cgroupPaths.some((above) => path === above || path.startsWith(above.endsWith("/") ? above : `${above}/`));
  }

  /** Undefined if the answer takes a pod that isn't known. */
  #includedByPod({ place, pod: record }: Subject): boolean | undefined {
    const { namespaces, pods } = this.#rules;
    if (![namespaces?.include, pods?.names, pods?.labels, pods?.annotations].some((list) => isGiven<unknown>(list)))
      return true;
    if (place.kind !== "container" && place.kind !== "pod") return false;
    if (record === undefined) return undefined;
    const { namespace, name, labels, annotations } = record.pod;
    if (isGiven(namespaces?.include) && !namespaces.include.includes(namespace)) return false;
    if (isGiven(pods?.names) && !pods.names.includes(`${namespace}/${name}`)) return false;
    const has = (among: ReadonlyMap<string, string>, rules: readonly KeyRule[] = []): boolean =>
      rules.every(({ key, values }) => {
        const value = among.get(key);
        return value !== undefined && (values === undefined || values.includes(value));
      });
    return has(labels, pods?.labels) && has(annotations, pods?.annotations);
  }

  /** Undefined if the answer takes a container's name that isn't known. */
  #includedByContainer({ place, container }: Subject): boolean | undefined {
    const include = this.#rules.containers?.include;
    if (!isGiven(include)) return true;
    if (place.kind !== "container") return false;
    if (include.some((rule) => matchesContainer(rule, place, container))) return true;
    return container === undefined ? undefined : false;
  }
}

function isGiven<T>(list: readonly T[] | undefined): list is readonly T[] {
  return list !== undefined && list.length > 0;
}

/** By id, also of a container around it, or by the name in its pod. */
function matchesContainer(rule: string, place: SamplePlace, container: ContainerInstance | undefined): boolean {
  if (container?.container.name === rule) return true;
  if (rule.length < MIN_ID_DIGITS) return false;
  if (place.containerId?.startsWith(rule) === true) return true;
  for (let { outer } = place; outer !== undefined; outer = outer.outer)
    if (outer.containerId.startsWith(rule)) return true;
  return false;
}
