import { readdirSync, type Stats, statSync } from "node:fs";
import { type CgroupRoot, type Hierarchy, ROOT_ID } from "./cgroup-roots.ts";
import type { CgroupPlace } from "./place.ts";

/** A cgroup that is there, or was a short time ago. */
export class Cgroup {
  /** Inode of its directory: unique in its hierarchy, and not used again. */
  readonly id: number;
  readonly name: string;
  readonly parent: Cgroup | undefined;
  /** By name. Most have none. */
  children: Map<string, Cgroup> | undefined;
  /** Monotonic time at which its directory was found to be gone, or `LIVE`. */
  goneSinceMs = LIVE;
  /** Filled by whoever asks first. */
  place: CgroupPlace | undefined;

  constructor(id: number, name: string, parent: Cgroup | undefined) {
    this.id = id;
    this.name = name;
    this.parent = parent;
  }

  /** From the root of the hierarchy, or beginning with `/..` where that can't be seen. */
  get path(): string {
    let path = "";
    for (let at: Cgroup | undefined = this as Cgroup; at !== undefined; at = at.parent) {
      path = at.parent === undefined ? at.name + path : `/${at.name}${path}`;
    }
    return path === "" ? "/" : path;
  }
}

/** `goneSinceMs` of what is there. */
export const LIVE = -1;
/** Told of every cgroup as it comes and goes. */
export interface HierarchyEvents {
  added(cgroup: Cgroup, hierarchy: Hierarchy): void;
  /** Once, when its directory is gone. */
  gone(cgroup: Cgroup, hierarchy: Hierarchy): void;
  /** It is forgotten, some time later. */
  forgotten(cgroup: Cgroup, hierarchy: Hierarchy): void;
}

/**
 * The cgroups of one hierarchy by id: a copy of the directory tree, brought up to date by scanning it or by being told.
 * A scan looks at each directory once and lists only those whose number of links says that there are children that we
 * don't know, so without changes it lists none.
 */
export class CgroupHierarchy {
  readonly hierarchy: Hierarchy;
  readonly #directory: string | undefined;
  /** What paths begin with: nothing, or where we stand below a root that can't be seen. */
  readonly #prefix: string;
  readonly #maxCgroups: number;
  readonly #events: HierarchyEvents;
  readonly #root: Cgroup;
  readonly #byId = new Map<number, Cgroup>();
  /** In order of time. */
  #gone: Cgroup[] = [];
  /** Cgroups that were left out because of the bound. */
  refused = 0;

  /** @param seen where it can be seen; undefined if it can't be, and is only told of */
  constructor(hierarchy: Hierarchy, seen: CgroupRoot | undefined, maxCgroups: number, events: HierarchyEvents) {
    this.hierarchy = hierarchy;
    this.#directory = seen?.directory;
    this.#maxCgroups = maxCgroups;
    this.#events = events;
    const id = seen?.id ?? ROOT_ID;
    this.#prefix = id === ROOT_ID ? "" : "/..";
    this.#root = new Cgroup(id, this.#prefix, undefined);
    this.#byId.set(id, this.#root);
  }

  /** Cgroups known, those that are gone but still kept included. */
  get size(): number {
    return this.#byId.size;
  }

  find(id: number): Cgroup | undefined {
    return this.#byId.get(id);
  }

  /** Those whose directories are there, as far as we know. */
  *live(): Generator<Cgroup> {
    for (const cgroup of this.#byId.values()) if (cgroup.goneSinceMs === LIVE) yield cgroup;
  }

  /**
   * Takes a cgroup that was made, as the kernel tells it.
   *
   * @returns false where the one above it isn't known, or gone by now
   */
  made(id: number, parentId: number, name: string, nowMs: number): boolean {
    const parent = this.#byId.get(parentId);
    if (parent?.goneSinceMs !== LIVE) return false;
    this.#add(id, name, parent, nowMs);
    return true;
  }

  /** The cgroup's directory is gone. */
  removed(id: number, nowMs: number): void {
    const cgroup = this.#byId.get(id);
    if (cgroup !== undefined && cgroup !== this.#root) this.#lose(cgroup, nowMs);
  }

  /** Brings the copy up to date. */
  scan(nowMs: number): void {
    if (this.#directory === undefined) return;
    const links = linksOf(this.#directory, this.#root.id);
    if (links > 0) this.#scanFrom({ cgroup: this.#root, directory: this.#directory, links }, nowMs);
  }

  #scanFrom(top: Visit, nowMs: number): void {
    const pending = [top];
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      const { cgroup, directory } = next;
      // A directory has two links and one more for each that lies in it.
      let unknown = next.links - 2;
      for (const child of cgroup.children?.values() ?? []) {
        const path = `${directory}/${child.name}`;
        const links = linksOf(path, child.id);
        if (links === 0) {
          this.#lose(child, nowMs);
        } else {
          unknown--;
          if (links > 2 || child.children !== undefined) pending.push({ cgroup: child, directory: path, links });
        }
      }
      if (unknown === 0) continue;
      for (const name of directoriesIn(directory)) {
        if (cgroup.children?.has(name) === true) continue;
        const path = `${directory}/${name}`;
        const stat = statQuietly(path);
        if (stat === undefined) continue;
        const child = this.#add(stat.ino, name, cgroup, nowMs);
        if (child !== undefined && stat.nlink > 2) pending.push({ cgroup: child, directory: path, links: stat.nlink });
      }
    }
  }

  /** Forgets what has been gone since before `goneBeforeMs`. */
  forget(goneBeforeMs: number): void {
    let due = 0;
    while (due < this.#gone.length && this.#gone[due]!.goneSinceMs < goneBeforeMs) this.#forgetOne(this.#gone[due++]!);
    if (due > 0) this.#gone = this.#gone.slice(due);
  }

  #add(id: number, name: string, parent: Cgroup, nowMs: number): Cgroup | undefined {
    const known = this.#byId.get(id);
    if (known?.parent === parent && known.name === name && known.goneSinceMs === LIVE) return known;
    if (known === this.#root) return undefined;
    const namesake = parent.children?.get(name);
    if (namesake !== undefined) this.#lose(namesake, nowMs);
    // A directory that was renamed, which version 1 allows.
    if (known !== undefined && known.goneSinceMs === LIVE) this.#lose(known, nowMs);
    if (this.#byId.size >= this.#maxCgroups && !this.#makeRoom()) {
      this.refused++;
      return undefined;
    }
    const cgroup = new Cgroup(id, name, parent);
    (parent.children ??= new Map()).set(name, cgroup);
    this.#byId.set(id, cgroup);
    this.#events.added(cgroup, this.hierarchy);
    return cgroup;
  }

  #lose(cgroup: Cgroup, nowMs: number): void {
    if (cgroup.goneSinceMs !== LIVE) return;
    for (const child of cgroup.children?.values() ?? []) this.#lose(child, nowMs);
    cgroup.children = undefined;
    const { parent } = cgroup;
    parent?.children?.delete(cgroup.name);
    if (parent?.children?.size === 0) parent.children = undefined;
    cgroup.goneSinceMs = nowMs;
    this.#gone.push(cgroup);
    this.#events.gone(cgroup, this.hierarchy);
  }

  /** Forgets what was gone first; false if all are there. */
  #makeRoom(): boolean {
    const oldest = this.#gone.shift();
    if (oldest !== undefined) this.#forgetOne(oldest);
    return oldest !== undefined;
  }

  #forgetOne(cgroup: Cgroup): void {
    if (this.#byId.get(cgroup.id) === cgroup) this.#byId.delete(cgroup.id);
    this.#events.forgotten(cgroup, this.hierarchy);
  }
}

/** A directory that a scan is to look into. */
interface Visit {
  readonly cgroup: Cgroup;
  readonly directory: string;
  /** As `stat` says. */
  readonly links: number;
}

/** Links of a directory that still has that inode; 0 if it is gone. */
function linksOf(directory: string, inode: number): number {
  const stat = statQuietly(directory);
  return stat?.ino === inode ? stat.nlink : 0;
}

function statQuietly(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    // ENODEV while it is being removed, ENAMETOOLONG in a tree deeper than paths can be.
    return undefined;
  }
}

function directoriesIn(directory: string): string[] {
  try {
    const names: string[] = [];
    for (const entry of readdirSync(directory, { withFileTypes: true }))
      if (entry.isDirectory()) names.push(entry.name);
    return names;
  } catch {
    return [];
  }
}
