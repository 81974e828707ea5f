import { existsSync, mkdirSync, readdirSync, rmdirSync, statSync, writeFileSync } from "node:fs";
import { findCgroupRoots, type Hierarchy, ROOT_ID } from "../cgroup/cgroup-roots.ts";

const roots = new Map(
  findCgroupRoots()
    .filter(({ id }) => id === ROOT_ID)
    .map(({ hierarchy, directory }) => [hierarchy, directory]),
);

/** Whether cgroups of both versions can be made here. Says loudly what is skipped; PODFLAME_REQUIRE=all makes it an error. */
export function canMakeCgroups(): boolean {
  if (process.getuid?.() === 0 && roots.has(1) && roots.has(2)) return true;
  const missing = "root, a cgroup v2 tree and version 1's memory hierarchy";
  if (process.env["PODFLAME_REQUIRE"] === "all") throw new Error(`${missing}: not all are there`);
  process.stderr.write(`SKIPPED: tests that need ${missing}\n`);
  return false;
}

/** Real cgroups below one of a test's own, which is removed with all that is in it. */
export class OwnCgroups {
  readonly #name = `podflame-test-${process.pid}-${Math.floor(Math.random() * 1e9)}`;

  /** Path of a cgroup from the root of a hierarchy. */
  path(path: string): string {
    return `/${this.#name}${path}`;
  }

  directory(hierarchy: Hierarchy, path: string): string {
    return roots.get(hierarchy)! + this.path(path);
  }

  /** Makes a cgroup and those above it; its id. */
  make(hierarchy: Hierarchy, path: string): number {
    mkdirSync(this.directory(hierarchy, path), { recursive: true });
    return statSync(this.directory(hierarchy, path)).ino;
  }

  remove(hierarchy: Hierarchy, path: string): void {
    rmdirSync(this.directory(hierarchy, path));
  }

  /** Moves a process. */
  move(hierarchy: Hierarchy, path: string, pid: number): void {
    writeFileSync(`${this.directory(hierarchy, path)}/cgroup.procs`, String(pid));
  }

  [Symbol.dispose](): void {
    for (const root of roots.values()) removeTree(`${root}/${this.#name}`);
  }
}

/** Cgroups are removed from the leaves up; the files in them can't be, nor need to be. */
function removeTree(directory: string): void {
  if (!existsSync(directory)) return;
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    if (entry.isDirectory()) removeTree(`${directory}/${entry.name}`);
  }
  // A process that was killed leaves its cgroup a moment later.
  for (let tries = 0; ; tries++) {
    try {
      return rmdirSync(directory);
    } catch (error) {
      if (tries === 1000) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2);
    }
  }
}
