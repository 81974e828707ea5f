import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { StoreError } from "../profile-store.ts";

/**
 * Sees to it that one process at a time writes to a folder. The lock is SQLite's on a file of its own: the kernel takes it
 * back when the process ends in whatever way, so there are no stale ones.
 */
export class DirectoryLock {
  readonly #database: DatabaseSync;

  /** @throws StoreError "unavailable" if another store has the folder, or it can't be made or written */
  constructor(directory: string) {
    try {
      mkdirSync(directory, { recursive: true, mode: 0o750 });
      this.#database = new DatabaseSync(join(directory, "lock.sqlite"), { timeout: 0 });
    } catch (error) {
      throw new StoreError("unavailable", `the store's folder ${directory} can't be used: ${messageOf(error)}`, {
        cause: error,
      });
    }
    try {
      this.#database.exec("PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE");
    } catch (error) {
      this.#database.close();
      const isLocked = /locked/.test(messageOf(error));
      const text = isLocked
        ? `the store in ${directory} is in use by another process; stop that one, or use another directory`
        : `the store's folder ${directory} can't be locked: ${messageOf(error)}`;
      throw new StoreError("unavailable", text, { cause: error });
    }
  }

  release(): void {
    this.#database.close();
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
