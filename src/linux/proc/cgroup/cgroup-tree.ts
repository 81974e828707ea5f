import type { Clock } from "#telemetry";
import { type Cgroup, CgroupHierarchy } from "./cgroup-hierarchy.ts";
import { type CgroupRoot, findCgroupRoots, type Hierarchy, ROOT_ID } from "./cgroup-roots.ts";
import { type CgroupPlace, morePrecise, placeOfCgroup } from "./place.ts";

export interface CgroupTreeSettings {
  readonly clock: Pick<Clock, "monotonicMs">;
  /** The hierarchies that can be seen; found by itself unless told. */
  readonly roots?: readonly CgroupRoot[];
  /** Cgroups kept of a hierarchy. Nodes have hundreds to some thousands. */
  readonly maxCgroups?: number;
}

/** Told of cgroups as they come and go, from the present ones on. */
export interface CgroupListener {
  /**
   * @param id inode of its directory, unique in its hierarchy
   * @param path from the root of the hierarchy, of the cgroup itself
   */
  added(hierarchy: Hierarchy, id: number, place: CgroupPlace, path: string): void;
  gone(hierarchy: Hierarchy, id: number): void;
}

const DEFAULT_MAX_CGROUPS = 65_536;
/**
 * An unknown id makes us look, but looking takes a hundredth of the time at most: 0.1 s after a scan of 500 cgroups
 * (1 ms), so at once for most samples; 5 s after one of 10,000 (50 to 100 ms).
 */
const SCAN_COST_FACTOR = 100;
const MIN_SCAN_INTERVAL_MS = 100;
const MAX_SCAN_INTERVAL_MS = 5_000;
/** Samples come up to a second after a cgroup is gone, and those who name them look later still. */
const KEEP_GONE_MS = 60_000;
/** Without unknown ids nobody looks; then this often, so that what is gone gets forgotten. */
const IDLE_SCAN_INTERVAL_MS = 60_000;
/** Ids that no scan will find. */
const MAX_HOPELESS = 4_096;

/**
 * Where a cgroup belongs, by its ids: that of version 2 and that of version 1's memory hierarchy, both as the kernel
 * puts them into a sample, which are the inodes of the directories. Look-ups of known ids allocate nothing.
 */
export class CgroupTree {
  readonly #clock: Pick<Clock, "monotonicMs">;
  /** By version: index 1 and 2. */
  readonly #hierarchies: readonly (CgroupHierarchy | undefined)[];
  /** By path, shared by both hierarchies and by all that a container made below its cgroup; with the number of these. */
  readonly #places = new Map<string, { readonly place: CgroupPlace; cgroups: number }>();
  /** By version: ids that were in no scan after they were seen; they are gone for good. */
  readonly #hopeless: readonly Set<number>[] = [new Set(), new Set(), new Set()];
  readonly #listeners = new Set<CgroupListener>();
  readonly #isComplete: boolean;
  #lastScanMs = -Infinity;
  #scanIntervalMs = MIN_SCAN_INTERVAL_MS;
  #scans = 0;

  constructor(settings: CgroupTreeSettings) {
    const { clock, roots = findCgroupRoots(), maxCgroups = DEFAULT_MAX_CGROUPS } = settings;
    this.#clock = clock;
    const one = roots.find(({ hierarchy }) => hierarchy === 1);
    const two = roots.find(({ hierarchy }) => hierarchy === 2);
    this.#isComplete = roots.length > 0 && roots.every(({ id }) => id === ROOT_ID);
    // Without version 1 the kernel gives a version 2 id for the memory controller, which says less than the other.
    this.#hierarchies = [
      undefined,
      one && new CgroupHierarchy(1, one, maxCgroups, this.#events),
      new CgroupHierarchy(2, two, maxCgroups, this.#events),
    ];
  }

  /** Cgroups known, those gone in the last minute included. */
  get size(): number {
    return this.#hierarchies.reduce((sum, hierarchy) => sum + (hierarchy?.size ?? 0), 0);
  }

  get scans(): number {
    return this.#scans;
  }

  /** Cgroups left out because of the bound. */
  get refused(): number {
    return this.#hierarchies.reduce((sum, hierarchy) => sum + (hierarchy?.refused ?? 0), 0);
  }

  /**
   * Whether every cgroup that is there can be found by the kernel's ids. If not, /proc/PID/cgroup of a living process is
   * to be asked about those that aren't.
   */
  get isComplete(): boolean {
    return this.#isComplete;
  }

  /**
   * Where a task with these ids belongs.
   *
   * @param v2 inode in the version 2 hierarchy; 0 for none. Exact below 2^53, which is far beyond what kernels give out
   * @param v1 inode in the hierarchy of the memory controller; ignored where that is version 2
   * @returns undefined if they are not known: gone before anybody looked, or so new that asking again in some seconds helps
   */
  resolve(v2: number, v1: number): CgroupPlace | undefined {
    const one = this.#hierarchies[1] === undefined ? 0 : v1;
    if ((this.#isMissing(2, v2) || this.#isMissing(1, one)) && this.#mayScan(this.#scanIntervalMs)) {
      this.#scan();
      this.#giveUp(2, v2);
      this.#giveUp(1, one);
    }
    const placeTwo = this.#placeOf(2, v2);
    const placeOne = this.#placeOf(1, one);
    const place = morePrecise(placeTwo, placeOne);
    // Where one of them can't be found, the other's "not in a container" proves nothing.
    const certain = (v2 === 0 || placeTwo !== undefined) && (one === 0 || placeOne !== undefined);
    return certain || place?.kind === "container" || place?.kind === "pod" ? place : undefined;
  }

  /**
   * The kernel tells of a new cgroup: one that lives for a moment is made and gone between two looks.
   *
   * @param parentId of the one above it
   * @param name of its directory
   */
  made(hierarchy: Hierarchy, id: number, parentId: number, name: string): void {
    if (this.#take(hierarchy, id, parentId, name) || !this.#isComplete) return;
    // Made before anybody was told. Where only a part can be seen, it lies outside as a rule.
    this.refresh();
    this.#take(hierarchy, id, parentId, name);
  }

  /** The kernel tells that a cgroup is gone. */
  removed(hierarchy: Hierarchy, id: number): void {
    this.#hierarchies[hierarchy]?.removed(id, this.#clock.monotonicMs());
  }

  /** Looks for changes now, unless that was done a moment ago. */
  refresh(): void {
    if (this.#mayScan(this.#scanIntervalMs)) this.#scan();
  }

  /** To be called now and then, as with each flush: forgets what has been gone for a minute. */
  sweep(): void {
    if (this.#mayScan(IDLE_SCAN_INTERVAL_MS)) this.#scan();
    for (const hierarchy of this.#hierarchies) hierarchy?.forget(this.#clock.monotonicMs() - KEEP_GONE_MS);
  }

  /** Tells of all cgroups that are there, and of all changes from then on, until the returned function is called. */
  watch(listener: CgroupListener): () => void {
    this.refresh();
    for (const hierarchy of this.#hierarchies) {
      if (hierarchy === undefined) continue;
      for (const cgroup of hierarchy.live()) {
        listener.added(hierarchy.hierarchy, cgroup.id, this.#placeFor(cgroup), cgroup.path);
      }
    }
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  readonly #events = {
    added: (cgroup: Cgroup, hierarchy: Hierarchy): void => {
      for (const listener of this.#listeners) {
        listener.added(hierarchy, cgroup.id, this.#placeFor(cgroup), cgroup.path);
      }
    },
    gone: (cgroup: Cgroup, hierarchy: Hierarchy): void => {
      for (const listener of this.#listeners) listener.gone(hierarchy, cgroup.id);
    },
    forgotten: (cgroup: Cgroup): void => {
      if (cgroup.place === undefined) return;
      const { path } = cgroup.place;
      const shared = this.#places.get(path);
      if (shared !== undefined && --shared.cgroups === 0) this.#places.delete(path);
    },
  };

  #take(hierarchy: Hierarchy, id: number, parentId: number, name: string): boolean {
    return this.#hierarchies[hierarchy]?.made(id, parentId, name, this.#clock.monotonicMs()) ?? true;
  }

  #mayScan(intervalMs: number): boolean {
    return this.#clock.monotonicMs() - this.#lastScanMs >= intervalMs;
  }

  #scan(): void {
    const nowMs = this.#clock.monotonicMs();
    this.#lastScanMs = nowMs;
    this.#scans++;
    for (const hierarchy of this.#hierarchies) hierarchy?.scan(nowMs);
    const costMs = this.#clock.monotonicMs() - nowMs;
    this.#scanIntervalMs = Math.min(Math.max(SCAN_COST_FACTOR * costMs, MIN_SCAN_INTERVAL_MS), MAX_SCAN_INTERVAL_MS);
  }

  #isMissing(hierarchy: Hierarchy, id: number): boolean {
    if (id === 0 || this.#hierarchies[hierarchy]?.find(id) !== undefined) return false;
    return !this.#hopeless[hierarchy]!.has(id);
  }

  /** Remembers an id that a scan did not find, so that nobody scans for it again. */
  #giveUp(hierarchy: Hierarchy, id: number): void {
    if (!this.#isMissing(hierarchy, id)) return;
    const hopeless = this.#hopeless[hierarchy]!;
    if (hopeless.size >= MAX_HOPELESS) hopeless.clear();
    hopeless.add(id);
  }

  #placeOf(hierarchy: Hierarchy, id: number): CgroupPlace | undefined {
    const cgroup = id === 0 ? undefined : this.#hierarchies[hierarchy]?.find(id);
    return cgroup === undefined ? undefined : (cgroup.place ?? this.#placeFor(cgroup));
  }

  #placeFor(cgroup: Cgroup): CgroupPlace {
    if (cgroup.place !== undefined) return cgroup.place;
    const place = placeOfCgroup(cgroup.path);
    let shared = this.#places.get(place.path);
    if (shared === undefined) this.#places.set(place.path, (shared = { place, cgroups: 0 }));
    shared.cgroups++;
    return (cgroup.place = shared.place);
  }
}
