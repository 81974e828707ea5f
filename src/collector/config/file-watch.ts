import { createHash } from "node:crypto";
import { readFileSync, watch, type FSWatcher } from "node:fs";
import { dirname, resolve } from "node:path";
import type { Clock, Timer } from "#telemetry";

/** Editors and Kubernetes change a file in several steps; the last of them counts. */
const SETTLE_MS = 500;

/**
 * Tells when the content of any of some files changes. Their folders are watched, not the files, for editors and
 * Kubernetes (ConfigMaps, by a link called `..data`) put another file in place of the old one.
 */
export class FileWatch {
  /** Folders that can't be watched, as messages. */
  readonly problems: string[] = [];
  readonly #files: readonly string[];
  readonly #clock: Clock;
  readonly #onChange: () => void;
  readonly #watchers: FSWatcher[] = [];
  #fingerprint: string;
  #timer: Timer | undefined;

  constructor(files: readonly string[], clock: Clock, onChange: () => void) {
    this.#files = files.map((file) => resolve(file));
    this.#clock = clock;
    this.#onChange = onChange;
    this.#fingerprint = this.#read();
    for (const folder of new Set(this.#files.map((file) => dirname(file)))) this.#watchFolder(folder);
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

  /** Something happened in a folder. The first event starts the wait, so that a busy folder can't put it off for ever. */
  #stir(): void {
    this.#timer ??= this.#clock.timer(SETTLE_MS, () => {
      this.#timer = undefined;
      const fingerprint = this.#read();
      if (fingerprint === this.#fingerprint) return;
      this.#fingerprint = fingerprint;
      this.#onChange();
    });
  }

  #read(): string {
    const hash = createHash("sha256");
    for (const file of this.#files) {
      try {
        hash.update(readFileSync(file));
      } catch {
        hash.update("\0missing");
      }
      hash.update(`\0${file}\0`);
    }
    return hash.digest("hex");
  }
}
