import { unlink } from "node:fs/promises";
import { join } from "node:path";

/** Removes files once nobody who may still open them is at work. */
export class FileKeeper {
  readonly #directory: string;
  readonly #readers = new Set<number>();
  readonly #doomed: { readonly path: string; readonly after: number }[] = [];
  #clock = 0;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Reads files that were in the catalogue when it began; they stay until it ends. */
  async read<T>(use: () => Promise<T>): Promise<T> {
    const reader = ++this.#clock;
    this.#readers.add(reader);
    try {
      return await use();
    } finally {
      this.#readers.delete(reader);
      await this.#sweep();
    }
  }

  /** Removes files that are not in the catalogue any more. */
  async remove(paths: readonly string[]): Promise<void> {
    const after = ++this.#clock;
    for (const path of paths) this.#doomed.push({ path, after });
    await this.#sweep();
  }

  async #sweep(): Promise<void> {
    const first = Math.min(...this.#readers, Infinity);
    while (this.#doomed.length > 0 && this.#doomed[0]!.after < first) {
      const { path } = this.#doomed.shift()!;
      await unlink(join(this.#directory, path)).catch(() => undefined);
    }
  }
}
