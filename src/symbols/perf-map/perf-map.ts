import type { ByteSource } from "../byte-source.ts";
import { withWindow } from "../elf/windows.ts";
import { type AnnouncedCode, EntryRun } from "./entry-run.ts";
import { readPerfMapLine } from "./line.ts";

/** Compiled code that a runtime announced. */
export interface PerfMapFunction {
  readonly name: string;
  /** Address of its first byte. */
  readonly start: number;
}

/** Read at most at once: 20 ms. The rest of a long file comes with the next refreshes. */
const MAX_REFRESH_BYTES = 2 << 20;
/** Of a longer file only the end is read: what was compiled last is what runs. */
const MAX_TAIL_BYTES = 64 << 20;
/** 8 MB. A large Java program has 50,000 compiled methods. */
const MAX_ENTRIES = 250_000;
/** New entries are searched one by one up to here, then merged with the others. */
const MAX_RECENT = 512;
/** So many are merged while a long file is read, lest they all become objects first. */
const MAX_UNMERGED = 8192;
/** A file that is written anew time and again is read anew ever more rarely: up to so many refreshes are left out. */
const MAX_LEFT_OUT = 63;
/** After so many refreshes without that, all is forgiven. */
const CALM_REFRESHES = 60;
const MAX_NAME_BYTES = 4096;
/** A start, a size, two blanks. */
const MAX_NUMBERS_BYTES = 64;
/** End of what was read, by which a file is recognised that was written anew. */
const ANCHOR_BYTES = 64;
const NEWLINE = 10;
const CARRIAGE_RETURN = 13;

/**
 * Names from `/tmp/perf-PID.map`, to which runtimes append a line for each function that they compile. Read
 * incrementally; keeps 32 bytes an entry and reads names from the file when they are asked for.
 */
export class PerfMap {
  #source: ByteSource | undefined;
  /** Where the next line begins. */
  #position = 0;
  #anchor = Buffer.alloc(0);
  #older = new EntryRun();
  #recent: AnnouncedCode[] = [];
  #announced = 0;
  #isStale = false;
  /** The position is inside a line, whose rest means nothing. */
  #isInsideLine = false;
  #timesWrittenAnew = 0;
  #refreshesToLeaveOut = 0;
  #calmRefreshes = 0;
  /** Lines that were no announcement. */
  malformedLines = 0;
  /** Bytes passed over because the file is too long. */
  skippedBytes = 0;

  get memoryBytes(): number {
    return this.#older.memoryBytes + this.#recent.length * 64;
  }

  /** Entries kept, replaced ones partly among them. */
  get length(): number {
    return this.#older.length + this.#recent.length;
  }

  /**
   * Reads what was appended since the last time; everything if the file became shorter or was written anew. The source
   * is kept until the next refresh, for names, and must stay open.
   *
   * @returns false if there is more to read than is done at once: refresh again
   */
  refresh(source: ByteSource): boolean {
    this.#source = source;
    if (this.#isStale || !this.#continues(source)) {
      if (this.#refreshesToLeaveOut-- > 0) return true;
      this.#refreshesToLeaveOut = Math.min(2 ** this.#timesWrittenAnew++ - 1, MAX_LEFT_OUT);
      this.#calmRefreshes = 0;
      this.#forget();
    } else if (++this.#calmRefreshes > CALM_REFRESHES) {
      this.#timesWrittenAnew = 0;
      this.#refreshesToLeaveOut = 0;
    }
    if (source.sizeBytes - this.#position > MAX_TAIL_BYTES) this.#skipTo(source.sizeBytes - MAX_TAIL_BYTES);
    const isComplete = this.#readLines(source);
    this.#setAnchor(source);
    if (this.#recent.length > MAX_RECENT) this.#merge();
    return isComplete;
  }

  /**
   * The function that holds an address. For a caller's frame give the return address minus one.
   *
   * @returns undefined if none was announced, or if the file has changed meanwhile
   */
  find(address: number): PerfMapFunction | undefined {
    const entry = this.#findRecent(address) ?? this.#older.find(address);
    if (!entry || !this.#source) return undefined;
    const name = readEntryName(this.#source, entry);
    if (name === undefined) {
      this.#isStale = true;
      return undefined;
    }
    return { name, start: entry.start };
  }

  #findRecent(address: number): AnnouncedCode | undefined {
    return this.#recent.findLast(({ start, sizeBytes }) => address >= start && address < start + sizeBytes);
  }

  /** Whether the file still has what was read of it. */
  #continues(source: ByteSource): boolean {
    const bytes = Buffer.alloc(this.#anchor.length);
    const at = this.#position - bytes.length;
    return source.sizeBytes >= this.#position && source.read(bytes, at) === bytes.length && bytes.equals(this.#anchor);
  }

  #setAnchor(source: ByteSource): void {
    const bytes = Buffer.alloc(Math.min(ANCHOR_BYTES, this.#position));
    this.#anchor = bytes.subarray(0, source.read(bytes, this.#position - bytes.length));
  }

  #forget(): void {
    this.#position = 0;
    this.#older = new EntryRun();
    this.#recent = [];
    this.#announced = 0;
    this.#isStale = false;
    this.#isInsideLine = false;
  }

  #merge(): void {
    this.#older = this.#older.with(this.#recent, this.#announced - MAX_ENTRIES);
    this.#recent = [];
  }

  #skipTo(position: number): void {
    this.#isInsideLine = true;
    this.skippedBytes += position - this.#position;
    this.#position = position;
  }

  #readLines(source: ByteSource): boolean {
    return withWindow((window) => {
      const limit = this.#position + MAX_REFRESH_BYTES;
      while (this.#position < source.sizeBytes) {
        if (this.#position >= limit) return false;
        const got = source.read(window, this.#position);
        const end = this.#addLines(Buffer.from(window.buffer, 0, got));
        if (this.#recent.length > MAX_UNMERGED) this.#merge();
        if (end > 0) {
          this.#position += end;
          continue;
        }
        // The last line may still be being written, unless it fills the window.
        if (got < window.length) return true;
        this.#skipTo(this.#position + got);
      }
      return true;
    });
  }

  /** @returns where the first line begins that isn't complete */
  #addLines(bytes: Buffer): number {
    let from = 0;
    if (this.#isInsideLine) {
      from = bytes.indexOf(NEWLINE) + 1;
      if (from === 0) return 0;
      this.#isInsideLine = false;
    }
    for (let to = bytes.indexOf(NEWLINE, from); to >= 0; to = bytes.indexOf(NEWLINE, from)) {
      const line = readPerfMapLine(bytes, from, to);
      if (line) {
        this.#recent.push({
          start: line.start,
          sizeBytes: line.sizeBytes,
          number: this.#announced++,
          position: this.#position + from,
        });
      } else if (to > from) this.malformedLines++;
      from = to + 1;
    }
    return from;
  }
}

/** Reads the name of an entry; undefined if its line is not there any more. */
function readEntryName(source: ByteSource, { start, sizeBytes, position }: AnnouncedCode): string | undefined {
  return withWindow((window) => {
    const wanted = MAX_NUMBERS_BYTES + MAX_NAME_BYTES;
    const bytes = Buffer.from(window.buffer, 0, source.read(window.subarray(0, wanted), position));
    const newline = bytes.indexOf(NEWLINE);
    const to = newline < 0 ? bytes.length : newline;
    const line = readPerfMapLine(bytes, 0, to);
    if (line?.start !== start || line.sizeBytes !== sizeBytes) return undefined;
    const end = bytes[to - 1] === CARRIAGE_RETURN ? to - 1 : to;
    return bytes.toString("utf8", line.nameAt, Math.min(end, line.nameAt + MAX_NAME_BYTES));
  });
}
