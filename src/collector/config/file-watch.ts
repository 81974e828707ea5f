import { createHash } from "node:crypto";
import { readFileSync, realpathSync, watch, type FSWatcher } from "node:fs";
import { dirname, resolve } from "node:path";
import type { Clock, Timer } from "#telemetry";

/** Editors and Kubernetes change a file in several steps; the last of them counts. */
const SETTLE_MS = 500;

/** What tells one content of a file from another. */
export function digestOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/**
 * Tells when the content of any of some files changes. Their folders are watched, not the files, for editors and
 * Kubernetes (ConfigMaps, by a link called `..data`) put another file in place of the old one.
 */
export class FileWatch {
  /** Folders that can't be watched, as messages. */
  readonly problems: string[] = [];
  readonly #digests: Map<string, string>;
  readonly #clock: Clock;
  readonly #onChange: () => void;
  readonly #watchers: FSWatcher[] = [];
  #timer: Timer | undefined;

  /** @param files paths with the digests of what was read; a file that changed since then counts as changed */
  constructor(files: ReadonlyMap<string, string>, clock: Clock, onChange: () => void) {
    this.#digests = new Map(files);
    this.#clock = clock;
    this.#onChange = onChange;
    const folders = new Set([...files.keys()].flatMap(foldersOf));
    for (const folder of folders) this.#watchFolder(folder);
    if (folders.size > 0) this.#stir();
  }

  close(): void {
    this.#timer?.cancel();
    for (const watcher of this.#watchers) watcher.close();
    this.#watchers.length = 0;
  }

  #watchFolder(folder: string): void {
    try {
      const watcher = watch(folder, { persistent: false }, () => this.#stir());
      watcher.on("error", () => watcher.close());
      this.#watchers.push(watcher);
    } catch (error) {
      this.problems.push(
        `${folder} can't be watched (${(error as Error).message}); send SIGHUP to reload the configuration`,
      );
    }
  }

  /** Something may have happened. The first event starts the wait, so that a busy folder can't put it off for ever. */
  #stir(): void {
    this.#timer ??= this.#clock.timer(SETTLE_MS, () => {
      this.#timer = undefined;
      if (this.#changed()) this.#onChange();
    });
  }

  #changed(): boolean {
    let changed = false;
    for (const [file, before] of this.#digests) {
      const now = currentDigest(file);
      if (now === before) continue;
      this.#digests.set(file, now);
      changed = true;
    }
    return changed;
  }
}

/** Where the name of a file can change its meaning: its own folder, and that of the file it may be a link to. */
function foldersOf(file: string): string[] {
  const own = dirname(resolve(file));
  try {
    return [own, dirname(realpathSync(file))];
  } catch {
    return [own];
  }
}

/** Empty while the file is gone, which is a change as well. */
function currentDigest(file: string): string {
  try {
    return digestOf(readFileSync(file, "utf8"));
  } catch {
    return "";
  }
}
