import { type FileHandle, open, readdir, truncate, unlink } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { StoreError } from "../profile-store.ts";
import { syncFolder } from "./durable-files.ts";

/** When an entry is safe enough to say so. `write`: it survives the process; `fsync`: it survives the machine. */
export type Durability = "write" | "fsync";

/** What was journalled. */
export interface JournalEntry {
  readonly bytes: Uint8Array;
  readonly receivedAt: number;
}

/** What a replay found. */
export interface ReplayResult {
  readonly entries: number;
  /** Bytes at the end of segments that are no whole entry. */
  readonly cutBytes: number;
}

interface Waiting {
  readonly header: Uint8Array;
  readonly bytes: Uint8Array;
  readonly settle: (error?: Error) => void;
}

/** Length and CRC-32 of what follows: when it came (a double), and the message. */
const HEADER_BYTES = 16;
/** Entries that are larger than any request can be are damage. */
const MAX_ENTRY_BYTES = 1 << 30;
/** Of one write call: `writev` takes 1,024 pieces on Linux. */
const MAX_PIECES = 1000;
const SEGMENT = /^journal-(\d+)\.log$/;

/**
 * Requests as they came, in files numbered by the head that they are in. Entries that wait are written together, and
 * their callers learn of it when that is done. A write that fails leaves no trace, so that whoever sends it again is not
 * counted twice.
 */
export class Journal {
  readonly #directory: string;
  readonly #durability: Durability;
  #file: FileHandle;
  #segment: number;
  /** Where the last good entry of the segment ends. */
  #end = 0;
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #writing: Promise<void> | undefined;
  /** To be done when no write is under way. */
  #pauses: (() => void)[] = [];
  #isDirty = false;
  #closed = false;

  private constructor(directory: string, durability: Durability, segment: number, file: FileHandle) {
    this.#directory = directory;
    this.#durability = durability;
    this.#segment = segment;
    this.#file = file;
  }

  /** Begins a new segment behind all that are there. Replay those first. */
  static async open(directory: string, durability: Durability, after: number): Promise<Journal> {
    const segments = await segmentsIn(directory);
    const segment = Math.max(after, segments.at(-1) ?? 0) + 1;
    return new Journal(directory, durability, segment, await create(directory, segment));
  }

  get segment(): number {
    return this.#segment;
  }

  /** Bytes that callers wait for. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** Bytes of the segment that is being written. */
  get segmentBytes(): number {
    return this.#end;
  }

  /**
   * Writes an entry; settles when it is as safe as promised. Rejects with a `StoreError` "unavailable" when it could not
   * be written: then nothing of it is left.
   *
   * @param applied called at once after the write, in the order of the journal; what it does belongs to this segment
   */
  append<T>({ bytes, receivedAt }: JournalEntry, applied: () => T): Promise<T> {
    const header = headerOf(bytes, receivedAt);
    return new Promise<T>((resolve, reject) => {
      const settle = (error?: Error): void => {
        if (error) return reject(error);
        try {
          resolve(applied());
        } catch (problem) {
          reject(problem as Error);
        }
      };
      this.#waiting.push({ header, bytes, settle });
      this.#waitingBytes += bytes.length;
      this.#writing ??= this.#writeAll();
    });
  }

  /**
   * Ends the segment and begins the next one. `rotated` is called between two writes: all that was applied before it is in
   * segments up to the number that it is given.
   */
  async rotate<T>(rotated: (segment: number) => T): Promise<T> {
    const next = this.#segment + 1;
    const file = await create(this.#directory, next);
    const old = this.#file;
    const result = await this.#betweenWrites(() => {
      const ended = this.#segment;
      this.#file = file;
      this.#segment = next;
      this.#end = 0;
      return rotated(ended);
    });
    await old.datasync();
    await old.close();
    return result;
  }

  /** Makes all that was written survive the machine. */
  async sync(): Promise<void> {
    if (!this.#isDirty) return;
    this.#isDirty = false;
    await this.#betweenWrites(() => this.#file.datasync());
  }

  /** Removes segments up to this one: what they hold is in blocks. */
  static async forget(directory: string, segment: number): Promise<void> {
    for (const old of await segmentsIn(directory)) {
      if (old <= segment) await unlink(pathOf(directory, old));
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.sync();
    await this.#file.close();
  }

  /**
   * Hands over the entries of all segments behind `after`, in order, and cuts torn ends. `each` may wait; `ended` is
   * called at the end of each segment.
   */
  static async replay(
    directory: string,
    after: number,
    each: (entry: JournalEntry) => Promise<void> | void,
    ended: (segment: number) => Promise<void> | void,
  ): Promise<ReplayResult> {
    let entries = 0;
    let cutBytes = 0;
    for (const segment of await segmentsIn(directory)) {
      const path = pathOf(directory, segment);
      if (segment <= after) {
        await unlink(path);
        continue;
      }
      const file = await open(path, "r");
      try {
        const { size } = await file.stat();
        let position = 0;
        let torn = 0;
        for (let at = 0; ;) {
          const found = await readEntry(file, at, size);
          if (!found) break;
          at += HEADER_BYTES + found.bytes.length;
          if (!found.isWhole) {
            torn += HEADER_BYTES + found.bytes.length;
            continue;
          }
          // What follows damage and is whole, is good.
          cutBytes += torn;
          torn = 0;
          position = at;
          await each(found);
          entries++;
        }
        if (position < size) {
          cutBytes += size - position;
          await truncate(path, position);
        }
      } finally {
        await file.close();
      }
      await ended(segment);
    }
    return { entries, cutBytes };
  }

  #betweenWrites<T>(work: () => T | Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const run = (): void => {
        try {
          resolve(work());
        } catch (error) {
          reject(error as Error);
        }
      };
      if (this.#writing) this.#pauses.push(run);
      else run();
    });
  }

  async #writeAll(): Promise<void> {
    // Gives requests that came together the chance to be written together.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, MAX_PIECES / 2);
      const bytes = batch.reduce((sum, entry) => sum + entry.bytes.length, 0);
      const error = await this.#write(batch, bytes + batch.length * HEADER_BYTES);
      this.#waitingBytes -= bytes;
      for (const { settle } of batch) settle(error);
      for (const pause of this.#pauses.splice(0)) pause();
    }
    this.#writing = undefined;
  }

  async #write(batch: readonly Waiting[], length: number): Promise<StoreError | undefined> {
    try {
      const pieces = batch.flatMap(({ header, bytes }) => [header, bytes]);
      await writeWhole(this.#file, pieces, this.#end);
      if (this.#durability === "fsync") await this.#file.datasync();
      else this.#isDirty = true;
      this.#end += length;
      return undefined;
    } catch (error) {
      await this.#file.truncate(this.#end).catch(() => undefined);
      return new StoreError("unavailable", `the journal in ${this.#directory} can't be written: ${textOf(error)}`, {
        cause: error,
      });
    }
  }
}

async function writeWhole(file: FileHandle, pieces: readonly Uint8Array[], position: number): Promise<void> {
  let rest = [...pieces];
  let at = position;
  while (rest.length > 0) {
    const { bytesWritten } = await file.writev(rest, at);
    if (bytesWritten === 0) throw new Error("nothing was written");
    at += bytesWritten;
    let skip = bytesWritten;
    while (rest.length > 0 && skip >= rest[0]!.length) skip -= rest.shift()!.length;
    if (skip > 0) rest = [rest[0]!.subarray(skip), ...rest.slice(1)];
  }
}

async function readEntry(
  file: FileHandle,
  position: number,
  size: number,
): Promise<(JournalEntry & { readonly isWhole: boolean }) | undefined> {
  if (size - position < HEADER_BYTES) return undefined;
  const header = Buffer.alloc(HEADER_BYTES);
  await file.read(header, 0, HEADER_BYTES, position);
  const length = header.readUInt32LE(0);
  if (length > MAX_ENTRY_BYTES || length > size - position - HEADER_BYTES) return undefined;
  const bytes = Buffer.allocUnsafeSlow(length);
  let read = 0;
  while (read < length) {
    const { bytesRead } = await file.read(bytes, read, length - read, position + HEADER_BYTES + read);
    if (bytesRead === 0) return undefined;
    read += bytesRead;
  }
  const isWhole = crc32(bytes, crc32(header.subarray(8))) === header.readUInt32LE(4);
  return { bytes, receivedAt: header.readDoubleLE(8), isWhole };
}

function headerOf(bytes: Uint8Array, receivedAt: number): Uint8Array {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32LE(bytes.length, 0);
  header.writeDoubleLE(receivedAt, 8);
  header.writeUInt32LE(crc32(bytes, crc32(header.subarray(8))), 4);
  return header;
}

async function create(directory: string, segment: number): Promise<FileHandle> {
  try {
    const file = await open(pathOf(directory, segment), "wx+");
    await syncFolder(directory);
    return file;
  } catch (error) {
    throw new StoreError("unavailable", `a journal can't be begun in ${directory}: ${textOf(error)}`, { cause: error });
  }
}

async function segmentsIn(directory: string): Promise<number[]> {
  const names = await readdir(directory);
  return names
    .flatMap((name) => SEGMENT.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);
}

function pathOf(directory: string, segment: number): string {
  return join(directory, `journal-${segment}.log`);
}

function textOf(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code;
  return code === "ENOSPC" ? "the disk is full" : error instanceof Error ? error.message : String(error);
}
