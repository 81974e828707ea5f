import { type FileHandle, mkdir, open } from "node:fs/promises";
import { dirname } from "node:path";
import type { Telemetry } from "#telemetry";
import { errorFrom } from "#collector";
import { removeOldBackups, setAside } from "./backups.ts";
import type { FileExporterConfig } from "./config.ts";

/**
 * A file of whole records, one written after the other. A record that could not be written leaves nothing of itself
 * behind. With rotation the file is set aside before it grows too large.
 */
export class RecordFile {
  readonly #config: FileExporterConfig;
  readonly #telemetry: Telemetry;
  #handle: FileHandle | undefined;
  #sizeBytes = 0;
  /** Settles when the last write that was asked for has ended; never rejects. */
  #tail: Promise<void> = Promise.resolve();

  constructor(config: FileExporterConfig, telemetry: Telemetry) {
    this.#config = config;
    this.#telemetry = telemetry;
  }

  /** Opens the file, empty unless it is to be continued. Rejects where that can't be. */
  async open(): Promise<void> {
    const { path, append, rotation, createDirectory, directoryMode } = this.#config;
    try {
      if (createDirectory) await mkdir(dirname(path), { recursive: true, mode: directoryMode });
      await this.#openFile(append || rotation ? "a" : "w");
    } catch (cause) {
      throw new Error(`cannot open ${path}`, { cause });
    }
  }

  /** Writes the parts as one record. Rejects where the disk refuses; the record is not in the file then. */
  write(parts: readonly Uint8Array[]): Promise<void> {
    const written = this.#tail.then(() => this.#write(parts));
    this.#tail = written.catch(() => undefined);
    return written;
  }

  /** Closes the file behind the last record. */
  async close(): Promise<void> {
    await this.#tail;
    await this.#handle?.close();
    this.#handle = undefined;
  }

  async #write(parts: readonly Uint8Array[]): Promise<void> {
    let length = 0;
    for (const part of parts) length += part.length;
    const { rotation } = this.#config;
    if (rotation && this.#sizeBytes > 0 && this.#sizeBytes + length > rotation.maxBytes) await this.#rotate();
    // A rotation that failed half way.
    if (!this.#handle) await this.#openFile("a");
    const handle = this.#handle!;
    let done = 0;
    try {
      // Writes may be short, e.g. when the disk fills.
      for (const part of parts) {
        for (let at = 0; at < part.length;) {
          const { bytesWritten } = await handle.write(part, at);
          at += bytesWritten;
          done += bytesWritten;
        }
      }
      this.#sizeBytes += length;
    } catch (error) {
      if (done > 0) await this.#takeBack(handle, done);
      throw error;
    }
  }

  /** Cuts off the beginning of a record, so that the next one begins where readers look for it. */
  async #takeBack(handle: FileHandle, done: number): Promise<void> {
    try {
      await handle.truncate(this.#sizeBytes);
    } catch (error) {
      this.#sizeBytes += done;
      const fields = { path: this.#config.path, error: errorFrom(error) };
      this.#telemetry.logger.error("a record that was cut off stays in the file", fields);
    }
  }

  async #rotate(): Promise<void> {
    const { path, rotation } = this.#config;
    const nowMs = this.#telemetry.clock.nowMs();
    await this.#handle?.close();
    this.#handle = undefined;
    // Somebody may have moved the file away already.
    await setAside(path, nowMs, rotation!.localTime).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOENT") throw error;
    });
    await this.#openFile("a");
    try {
      await removeOldBackups(path, rotation!, nowMs);
    } catch (error) {
      this.#telemetry.logger.warn("old files cannot be removed", { path, error: errorFrom(error) });
    }
  }

  async #openFile(flags: "a" | "w"): Promise<void> {
    this.#handle = await open(this.#config.path, flags, 0o644);
    this.#sizeBytes = (await this.#handle.stat()).size;
  }
}
