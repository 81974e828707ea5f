import { rename } from "node:fs/promises";
import { basename, join } from "node:path";
import type { Logger } from "#telemetry";
import type { Block, Catalogue, NamesFile } from "./catalogue.ts";
import { checksum } from "./durable-files.ts";

/** Folder of files that can't be read, for whoever wants to look at them. */
export const DAMAGED = "damaged";

/** Compares files with what they were when they were written, and sets damaged ones aside. */
export class BlockHealth {
  readonly #directory: string;
  readonly #catalogue: Catalogue;
  readonly #logger: Logger;
  readonly #checked = new Set<string>();
  readonly #damaged: string[] = [];

  constructor(directory: string, catalogue: Catalogue, logger: Logger) {
    this.#directory = directory;
    this.#catalogue = catalogue;
    this.#logger = logger;
    for (const { isDamaged, token } of catalogue.blocks) if (isDamaged) this.#damaged.push(token);
  }

  /** Blocks and files of names that were set aside, by name. */
  get damaged(): readonly string[] {
    return this.#damaged;
  }

  /** Files that this process wrote are known to be good. */
  trust(paths: Iterable<string>): void {
    for (const path of paths) this.#checked.add(path);
  }

  /** Looks at all blocks once, one after the other, until the signal. */
  async checkAll(signal: AbortSignal): Promise<void> {
    for (const block of this.#catalogue.blocks) {
      if (signal.aborted) return;
      if (block.files.some(({ path }) => !this.#checked.has(path))) await this.check(block);
    }
  }

  /** Reads a block's files. Returns false, and sets the block aside, if one isn't what was written. */
  async check(block: Block): Promise<boolean> {
    if (block.isDamaged) return false;
    for (const { path, bytes, crc } of block.files) {
      if (await this.#isGood(path, bytes, crc)) {
        this.#checked.add(path);
        continue;
      }
      // It may have been merged or dropped meanwhile, and its files with it.
      const known = this.#catalogue.block(block.id);
      if (known?.files.some((file) => file.path === path) !== true) return true;
      await this.#setAside(known);
      return false;
    }
    return true;
  }

  /** The names' files that are what was written; others are set aside. */
  async goodNames(): Promise<readonly NamesFile[]> {
    const good: NamesFile[] = [];
    const bad: NamesFile[] = [];
    for (const file of this.#catalogue.names) {
      ((await this.#isGood(file.path, file.bytes, file.crc)) ? good : bad).push(file);
    }
    for (const { path } of bad) {
      this.#logger.error("names are lost: a file is damaged and was set aside", { file: path });
      this.#damaged.push(path);
    }
    return good;
  }

  async #isGood(path: string, bytes: number, crc: number): Promise<boolean> {
    const found = await checksum(join(this.#directory, path)).catch(() => undefined);
    return found !== undefined && found.bytes === bytes && found.crc === crc;
  }

  async #setAside(block: Block): Promise<void> {
    this.#catalogue.commit({ markDamaged: [block] });
    this.#damaged.push(block.token);
    this.#logger.error("a block is damaged and was set aside", {
      block: block.token,
      from: new Date(block.from).toISOString(),
      to: new Date(block.to).toISOString(),
      folder: join(this.#directory, DAMAGED),
    });
    for (const { path } of block.files) {
      const aside = join(this.#directory, DAMAGED, basename(path));
      await rename(join(this.#directory, path), aside).catch(() => undefined);
    }
  }
}
