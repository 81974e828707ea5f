import { forEachLine } from "./proc-file.ts";

/**
 * A piece of a process's memory. Addresses and offsets are doubles: user space ends at 2^47 or 2^56, offsets of files
 * that are executed far below 2^53. What lies above (the vsyscall page) is left out.
 */
export interface Mapping {
  readonly start: number;
  /** First address behind it. */
  readonly end: number;
  readonly executable: boolean;
  readonly writable: boolean;
  /** Where `start` lies in the file; 0 for anonymous memory. */
  readonly fileOffset: number;
  /** As `stat` gives `st_dev`; 0 for anonymous memory. See `isMappedFile` before comparing it. */
  readonly device: number;
  /** 0n for anonymous memory. */
  readonly inode: bigint;
  /**
   * The file as seen from the root of its mount namespace (not from the process's own root, if it is in a chroot);
   * `[vdso]`, `[heap]`, `[anon:…]` for what the kernel names, empty for other anonymous memory.
   */
  readonly path: string;
  /** The file was deleted or replaced since it was mapped. */
  readonly deleted: boolean;
}

/** The mappings of one process at one time, in the order of addresses. */
export class ProcessMappings {
  readonly list: readonly Mapping[];
  /** There were more than the limit. */
  readonly truncated: boolean;

  constructor(list: readonly Mapping[], truncated: boolean) {
    this.list = list;
    this.truncated = truncated;
  }

  /** The mapping in which the address lies. */
  find(address: number): Mapping | undefined {
    let low = 0;
    let high = this.list.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.list[middle]!.end <= address) low = middle + 1;
      else high = middle;
    }
    const found = this.list[low];
    return found !== undefined && found.start <= address ? found : undefined;
  }
}

export interface MappingsOptions {
  /** Only what can be executed, which is all that addresses of code need; true unless told. */
  readonly executableOnly?: boolean;
  /** Mappings kept; the rest is left out and said to be. The kernel's own limit (max_map_count) is 65,530. */
  readonly maxMappings?: number;
}

/** Room for the executable pieces of some thousand libraries. */
const DEFAULT_MAX_MAPPINGS = 8_192;
/** 65,530 lines of usual length. */
const MAX_BYTES = 16 * 1024 * 1024;

/** Reads /proc/PID/maps; undefined if the process is gone or may not be looked at. Kernel threads have none. */
export function readMappings(pid: number, options: MappingsOptions = {}): ProcessMappings | undefined {
  const { executableOnly = true, maxMappings = DEFAULT_MAX_MAPPINGS } = options;
  const list: Mapping[] = [];
  let previous: Mapping | undefined;
  const end = forEachLine(`/proc/${pid}/maps`, MAX_BYTES, (bytes, start, lineEnd) => {
    const mapping = parseMapping(bytes, start, lineEnd, executableOnly, previous);
    if (mapping === undefined) return true;
    if (list.length === maxMappings) return false;
    list.push(mapping);
    previous = mapping;
    return true;
  });
  return end === "missing" ? undefined : new ProcessMappings(list, end !== "complete");
}

const SPACE = 0x20;
const HYPHEN = 0x2d;
const COLON = 0x3a;
const LETTER_W = 0x77;
const LETTER_X = 0x78;
const DELETED = " (deleted)";

/**
 * Reads a line of /proc/PID/maps: `start-end rwxp offset major:minor inode   path`.
 *
 * @param previous shares its path, where that is the same text: usually it is in a row of lines
 * @returns undefined for a line of another shape, for addresses from 2^53 on, and, if wanted, for what isn't executable
 */
export function parseMapping(
  bytes: Buffer,
  lineStart: number,
  lineEnd: number,
  executableOnly: boolean,
  previous?: Mapping,
): Mapping | undefined {
  const line = new FieldReader(bytes, lineStart, lineEnd);
  const start = line.hex(HYPHEN);
  const end = line.hex(SPACE);
  const flags = line.skip(4);
  const executable = bytes[flags + 2] === LETTER_X;
  if (executableOnly && !executable) return undefined;
  const fileOffset = line.hex(SPACE);
  const device = deviceNumber(line.hex(COLON), line.hex(SPACE));
  const inode = line.decimal();
  if (!line.good || start >= end) return undefined;
  const text = bytes.toString("utf8", line.afterSpaces(), lineEnd);
  const deleted = inode !== 0n && text.endsWith(DELETED);
  const path = deleted ? text.slice(0, -DELETED.length) : text;
  return {
    start,
    end,
    executable,
    writable: bytes[flags + 1] === LETTER_W,
    fileOffset,
    device,
    inode,
    path: previous !== undefined && previous.path === path ? previous.path : path,
    deleted,
  };
}

/** `st_dev` of a device: 12 bits of major number, 20 of minor, the latter in two pieces as the kernel encodes it. */
export function deviceNumber(major: number, minor: number): number {
  return ((minor & 0xff) | ((major & 0xfff) << 8) | ((minor & 0xfff00) << 12)) >>> 0;
}

/** Reads the fields of a line one after the other. `good` turns false at the first that has another shape. */
class FieldReader {
  readonly #bytes: Buffer;
  readonly #end: number;
  #at: number;
  good = true;

  constructor(bytes: Buffer, start: number, end: number) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  /** A hexadecimal number below 2^53 and the byte behind it. */
  hex(after: number): number {
    let value = 0;
    const start = this.#at;
    while (this.#at < this.#end) {
      const digit = hexDigit(this.#bytes[this.#at]!);
      if (digit === -1) break;
      value = value * 16 + digit;
      this.#at++;
    }
    this.good &&= this.#at > start && value <= Number.MAX_SAFE_INTEGER && this.#bytes[this.#at] === after;
    this.#at++;
    return value;
  }

  /** A decimal number of 64 bits up to the next space or the line's end. */
  decimal(): bigint {
    const start = this.#at;
    while (this.#at < this.#end && isDecimalDigit(this.#bytes[this.#at]!)) this.#at++;
    const digits = this.#at - start;
    this.good &&= digits > 0 && digits <= 20 && (this.#at === this.#end || this.#bytes[this.#at] === SPACE);
    if (!this.good || (digits === 1 && this.#bytes[start] === 0x30)) return 0n;
    return BigInt(this.#bytes.toString("latin1", start, this.#at));
  }

  /** `count` bytes and a space; where they begin. */
  skip(count: number): number {
    const start = this.#at;
    this.#at += count + 1;
    this.good &&= this.#at <= this.#end && this.#bytes[this.#at - 1] === SPACE;
    return start;
  }

  afterSpaces(): number {
    while (this.#at < this.#end && this.#bytes[this.#at] === SPACE) this.#at++;
    return Math.min(this.#at, this.#end);
  }
}

function hexDigit(byte: number): number {
  if (isDecimalDigit(byte)) return byte - 0x30;
  return byte >= 0x61 && byte <= 0x66 ? byte - 0x57 : -1;
}

function isDecimalDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}
