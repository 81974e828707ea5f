import { constants } from "node:fs";
import { access, mkdir, rename } from "node:fs/promises";
import { join } from "node:path";
import {
  type Component,
  type ComponentContext,
  errorFrom,
  queueStorages,
  type QueueStorage,
  type QueueStore,
} from "#collector";
import type { FileStorageConfig } from "./config.ts";

/** Gives each exporter that asks a file of its own in the directory. */
export class FileStorageExtension implements Component, QueueStorage {
  readonly #context: ComponentContext;
  readonly #config: FileStorageConfig;

  constructor(context: ComponentContext, config: FileStorageConfig) {
    this.#context = context;
    this.#config = config;
    context.host.service(queueStorages, () => new Map()).set(context.id.text, this);
  }

  /** Rejects where the directory isn't there or can't be written. */
  async start(): Promise<void> {
    const { directory, createDirectory, directoryMode } = this.#config;
    try {
      if (createDirectory) await mkdir(directory, { recursive: true, mode: directoryMode });
      await access(directory, constants.R_OK | constants.W_OK | constants.X_OK);
    } catch (cause) {
      const remedy = createDirectory ? "" : "; make it, or set create_directory: true";
      throw new Error(`${this.#context.id.text}: cannot use directory ${directory}${remedy}`, { cause });
    }
  }

  async open(owner: string): Promise<QueueStore> {
    const path = join(this.#config.directory, `${fileNameOf(owner)}.sqlite`);
    const options = { lockTimeoutMs: this.#config.lockTimeoutMs, fsync: this.#config.fsync };
    const { logger } = this.#context.telemetry;
    // SQLite costs memory that only those pay who keep a queue on disk.
    const { SqliteQueueStore } = await import("./sqlite-queue-store.ts");
    try {
      return new SqliteQueueStore(path, logger, options);
    } catch (caught) {
      const cause = errorFrom(caught);
      if (!this.#config.recreate || !isUnreadable(cause)) {
        throw new Error(`${this.#context.id.text}: cannot open ${path}`, { cause });
      }
      const aside = `${path}.unreadable-${new Date(this.#context.telemetry.clock.nowMs()).toISOString()}`;
      logger.error("stored queue cannot be read, beginning a new one", { path, aside, error: cause });
      await rename(path, aside);
      return new SqliteQueueStore(path, logger, options);
    }
  }

  /** Stores are closed by their owners. */
  async shutdown(): Promise<void> {}
}

/** Result codes SQLITE_CORRUPT and SQLITE_NOTADB (sqlite.org/rescode.html), with which recreating helps. */
function isUnreadable(error: Error & { readonly errcode?: number }): boolean {
  return error.errcode === 11 || error.errcode === 26;
}

/** As upstream names its files: what is not `A-Za-z0-9._-` becomes `~` and four hexadecimal digits. */
function fileNameOf(owner: string): string {
  return owner.replaceAll(
    /[^A-Za-z0-9._-]/g,
    (character) => `~${character.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}`,
  );
}
