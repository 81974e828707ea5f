import { type ContainerInstance, type Directory, LIVE, type PodRecord } from "#identity";
import type { CgroupTree, Hierarchy } from "#linux";
import type { Telemetry } from "#telemetry";
import type { SamplePlace } from "../processes/index.ts";
import type { CgroupId, CgroupSelection } from "../sampler/sample-source.ts";
import { Selection, type SelectionRules, type Subject } from "./rules.ts";

export interface CgroupSelectorSettings {
  readonly rules: SelectionRules;
  readonly tree: CgroupTree;
  /** The kernel's set. Nobody else changes it. */
  readonly selection: CgroupSelection;
  /** Who pods are; without it rules that speak of pods match nobody. */
  readonly directory?: Directory;
  readonly telemetry: Pick<Telemetry, "metrics">;
}

interface Entry {
  readonly cgroup: CgroupId;
  readonly path: string;
  inKernel: boolean;
}

/** All cgroups of one place, whose pod and container are the same. */
interface Placed {
  readonly place: SamplePlace;
  readonly cgroups: Map<string, Entry>;
  pod: PodRecord | undefined;
  container: ContainerInstance | undefined;
  /** What stood in the pod's slot when the rules were asked: another now means that the pod changed. */
  seen: unknown;
}

const SLOT = "profiling selection";

/**
 * Keeps the kernel's set of cgroups in line with the rules, as cgroups and pods come and go. A cgroup is decided on as
 * soon as it is seen, by the pod's uid in its path, so before the container has an id that anybody reported. A pod that
 * isn't known yet is left out where rules include, and sampled where they only exclude.
 */
export class CgroupSelector {
  readonly #settings: CgroupSelectorSettings;
  readonly #rules: Selection;
  readonly #slot: number;
  readonly #places = new Map<SamplePlace, Placed>();
  readonly #placeOf = new Map<string, Placed>();
  /** What should be in the kernel's set, but found no room. */
  readonly #leftOut = new Set<Entry>();
  #size = 0;
  #stopWatching: (() => void) | undefined;

  constructor(settings: CgroupSelectorSettings) {
    this.#settings = settings;
    this.#rules = new Selection(settings.rules, settings.directory !== undefined);
    this.#slot = settings.directory?.openSlot(SLOT) ?? 0;
    const help = "Control groups that the kernel's set has no room for; their samples are sorted out afterwards.";
    settings.telemetry.metrics.observe("podflame_profiling_selection_left_out", { help }, {}, () => this.#leftOut.size);
  }

  /** Whether everything is sampled whatever comes: then nothing here does any work. */
  get isTrivial(): boolean {
    return this.#rules.isTrivial;
  }

  /** Begins to follow. Samples from before may be of anybody. */
  start(): void {
    if (this.#rules.isTrivial || this.#stopWatching !== undefined) return;
    // Before the set is filled, so that nobody is sampled who must not be.
    this.#settings.selection.use(this.#rules.includes ? "only" : "all");
    this.#stopWatching = this.#settings.tree.watch({
      added: (hierarchy, id, place, path) => this.#added(hierarchy, id, place, path),
      gone: (hierarchy, id) => this.#gone(hierarchy, id),
    });
  }

  /** To be called about once a second: looks for new cgroups, and at pods that changed. */
  update(): void {
    if (this.#stopWatching === undefined) return;
    this.#settings.tree.refresh();
    for (const entry of this.#leftOut) this.#setInKernel(entry, true);
    for (const placed of this.#places.values()) {
      if (!this.#podChanged(placed)) continue;
      for (const entry of placed.cgroups.values()) this.#decide(placed, entry);
    }
  }

  /**
   * Whether samples of that place are wanted: for those that the kernel took before it was told, or had no room to be
   * told of.
   */
  admits(place: SamplePlace): boolean {
    if (this.#rules.isTrivial) return true;
    const placed = this.#places.get(place);
    if (placed === undefined) return this.#isSampled({ place, path: place.path, ...this.#lookUp(place) });
    for (const { path } of placed.cgroups.values()) if (this.#isSampled({ ...placed, path })) return true;
    return false;
  }

  /** Stops following; the kernel samples everybody again. */
  close(): void {
    if (this.#stopWatching === undefined) return;
    this.#stopWatching();
    this.#stopWatching = undefined;
    this.#settings.selection.use("all");
    for (const placed of this.#places.values()) {
      for (const entry of placed.cgroups.values()) if (entry.inKernel) this.#settings.selection.remove(entry.cgroup);
    }
    this.#places.clear();
    this.#placeOf.clear();
    this.#leftOut.clear();
    this.#size = 0;
    this.#settings.directory?.closeSlot(SLOT);
  }

  #added(hierarchy: Hierarchy, id: number, place: SamplePlace, path: string): void {
    let placed = this.#places.get(place);
    if (placed === undefined) {
      placed = { place, cgroups: new Map(), pod: undefined, container: undefined, seen: undefined };
      this.#places.set(place, placed);
    }
    const key = `${hierarchy}:${id}`;
    const entry: Entry = { cgroup: { hierarchy, id: BigInt(id) }, path, inKernel: false };
    placed.cgroups.set(key, entry);
    this.#placeOf.set(key, placed);
    // A pod that changed since takes the others along.
    if (this.#podChanged(placed)) for (const other of placed.cgroups.values()) this.#decide(placed, other);
    else this.#decide(placed, entry);
  }

  #gone(hierarchy: Hierarchy, id: number): void {
    const key = `${hierarchy}:${id}`;
    const placed = this.#placeOf.get(key);
    const entry = placed?.cgroups.get(key);
    if (placed === undefined || entry === undefined) return;
    this.#setInKernel(entry, false);
    placed.cgroups.delete(key);
    this.#placeOf.delete(key);
    if (placed.cgroups.size === 0) this.#places.delete(placed.place);
  }

  /** Looks the pod up, and says whether what is known of it is another than when it was last asked. */
  #podChanged(placed: Placed): boolean {
    const { pod: before, seen } = placed;
    if (before?.goneSinceMs === LIVE && before.get(this.#slot) === seen) return false;
    const { pod, container } = this.#lookUp(placed.place);
    placed.pod = pod;
    placed.container = container;
    placed.seen = pod?.get(this.#slot);
    if (pod !== undefined && placed.seen === undefined) pod.put(this.#slot, (placed.seen = {}));
    return pod !== before || placed.seen !== seen;
  }

  #lookUp({ podUid, containerId }: SamplePlace): Pick<Subject, "pod" | "container"> {
    const { directory } = this.#settings;
    const container = containerId === undefined ? undefined : directory?.findContainerText(containerId);
    // A static pod's uid isn't in the path; its containers are known all the same.
    const pod = (podUid === undefined ? undefined : directory?.findUidText(podUid)) ?? container?.record;
    return { pod, container };
  }

  #decide(placed: Placed, entry: Entry): void {
    this.#setInKernel(entry, this.#isSampled({ ...placed, path: entry.path }) === this.#rules.includes);
  }

  #isSampled(subject: Subject): boolean {
    const verdict = this.#rules.verdict(subject);
    return verdict === "include" || verdict === "neither";
  }

  #setInKernel(entry: Entry, wanted: boolean): void {
    if (!wanted) this.#leftOut.delete(entry);
    if (entry.inKernel === wanted) return;
    const { selection } = this.#settings;
    if (!wanted) {
      selection.remove(entry.cgroup);
      if (--this.#size === 0 && !this.#rules.includes) selection.use("all");
    } else if (!selection.add(entry.cgroup)) {
      this.#leftOut.add(entry);
      return;
    } else {
      this.#leftOut.delete(entry);
      if (this.#size++ === 0 && !this.#rules.includes) selection.use("except");
    }
    entry.inKernel = wanted;
  }
}
