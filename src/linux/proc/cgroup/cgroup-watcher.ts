import { type FSWatcher, watch } from "node:fs";
import type { Cgroup } from "./cgroup-hierarchy.ts";

/** Each takes some 9 kB here; a node with 250 pods takes 300 in each hierarchy. */
const MAX_WATCHED = 1_024;

/**
 * Notices at once when directories are made or removed in those that it watches. A container that lives for a moment is
 * made and gone between two scans, but while its directory is there, its id can be read.
 */
export class CgroupWatcher {
  readonly #onChange: (cgroup: Cgroup, name: string) => void;
  readonly #watched = new Map<Cgroup, FSWatcher>();
  #isFull = false;

  /** @param onChange told the cgroup and the name of what was made or removed in its directory */
  constructor(onChange: (cgroup: Cgroup, name: string) => void) {
    this.#onChange = onChange;
  }

  get size(): number {
    return this.#watched.size;
  }

  /** Watches a directory, unless it is watched or there are too many. What is in it already is not told. */
  add(cgroup: Cgroup, directory: string): void {
    if (this.#isFull || this.#watched.has(cgroup)) return;
    try {
      const watcher = watch(directory, { persistent: false }, (event, name) => {
        // The other kind of event is about what files hold.
        if (event === "rename" && name !== null) this.#onChange(cgroup, name);
      });
      watcher.on("error", () => this.remove(cgroup));
      this.#watched.set(cgroup, watcher);
      this.#isFull = this.#watched.size >= MAX_WATCHED;
    } catch (error) {
      // The user's limit of inotify watches; a directory that is gone is no reason to stop.
      this.#isFull = (error as NodeJS.ErrnoException).code === "ENOSPC";
    }
  }

  remove(cgroup: Cgroup): void {
    const watcher = this.#watched.get(cgroup);
    if (watcher === undefined) return;
    this.#watched.delete(cgroup);
    this.#isFull = false;
    watcher.close();
  }

  close(): void {
    for (const watcher of this.#watched.values()) watcher.close();
    this.#watched.clear();
  }
}
