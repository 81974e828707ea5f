import type { CgroupPlace, CgroupTree } from "#linux";
import type { Process } from "./process.ts";
import { KERNEL_PLACE, type SamplePlace, UNKNOWN_PLACES } from "./sample-place.ts";

/** Places of processes, not cgroups of a node; after that objects of one container may differ. */
const MAX_PLACES = 4_096;

/**
 * Credits samples to places by the cgroups of their records: where the task was when it was sampled, whatever became of
 * it since. What /proc says of the process counts only where the cgroup file system can't be seen: elsewhere an id that
 * isn't found belongs to a cgroup that is gone, so the process has been moved to another one.
 */
export class PlaceResolver {
  readonly #tree: CgroupTree;
  readonly #readPlace: (pid: number) => CgroupPlace | undefined;
  /** For trees that can't be seen: what /proc said when the process was in these cgroups. */
  readonly #asked = new WeakMap<Process, { readonly v2: number; readonly v1: number; place: SamplePlace }>();
  /** By path: one object for a container, as the tree has it. */
  readonly #places = new Map<string, CgroupPlace>();

  constructor(tree: CgroupTree, readPlace: (pid: number) => CgroupPlace | undefined) {
    this.#tree = tree;
    this.#readPlace = readPlace;
  }

  resolve(sampled: Process, cgroupV2: number, cgroupV1: number): SamplePlace | undefined {
    if (sampled.isKernelThread) return KERNEL_PLACE;
    const place = this.#tree.resolve(cgroupV2, cgroupV1);
    if (place !== undefined) return known(place);
    return this.#tree.isComplete ? undefined : this.#ask(sampled, cgroupV2, cgroupV1);
  }

  resolveFinally(sampled: Process, cgroupV2: number, cgroupV1: number): SamplePlace {
    const place = this.resolve(sampled, cgroupV2, cgroupV1);
    return place ?? UNKNOWN_PLACES[this.#tree.isComplete ? "cgroup-gone" : "cgroup-unseen"];
  }

  #ask(sampled: Process, v2: number, v1: number): SamplePlace | undefined {
    const asked = this.#asked.get(sampled);
    if (asked?.v2 === v2 && asked.v1 === v1) return asked.place;
    // Without facts the pid may be another process's by now.
    if (sampled.facts === undefined) return undefined;
    const read = this.#readPlace(sampled.pid);
    if (read === undefined) return undefined;
    const place = known(this.#shared(read));
    this.#asked.set(sampled, { v2, v1, place });
    return place;
  }

  #shared(place: CgroupPlace): CgroupPlace {
    const known = this.#places.get(place.path);
    if (known !== undefined) return known;
    if (this.#places.size >= MAX_PLACES) this.#places.clear();
    this.#places.set(place.path, place);
    return place;
  }
}

/** A place that says nothing is one of those that say why. */
function known(place: CgroupPlace): SamplePlace {
  return place.kind === "unknown" ? UNKNOWN_PLACES["path-relative"] : place;
}
