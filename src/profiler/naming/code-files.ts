import { statSync } from "node:fs";
import {
  FileProblem,
  type Mapping,
  MemoryBlocks,
  OpenedFile,
  openInProcess,
  openMappedFile,
  ProcessMemory,
  readMappings,
} from "#linux";
import { bytesSource } from "#symbols";
import { CodeFile } from "./code-file.ts";

/** What the kernel maps into all processes, as /proc/PID/maps calls it. */
const VDSO = "[vdso]";
/** Files kept open at a time: each is a descriptor. */
const MAX_FILES = 256;
/** Bytes of all names. */
const MAX_NAMES_BYTES = 8 << 20;
/** A file that nobody asked for in so many flushes is closed: it may be all that keeps a removed image on the disk. */
const IDLE_FLUSHES = 120;

/**
 * The files that processes execute, each opened once: known by device, inode, time and size, so that processes share them,
 * and by build id, so that containers of one image do where each has a device of its own.
 */
export class CodeFiles {
  readonly #files = new Map<string, CodeFile>();
  /** Device and inode of files that were opened: only these are looked at by path without opening them. */
  readonly #opened = new Set<string>();
  #vdso: CodeFile | undefined;
  #flush = 0;
  /** Problems by reason, since the start. */
  readonly problems = new Map<string, number>();

  get size(): number {
    return this.#files.size;
  }

  get memoryBytes(): number {
    let bytes = 0;
    for (const file of this.#files.values()) bytes += file.memoryBytes;
    return bytes;
  }

  /** The file that the process maps there. Never fails: a file that can't be read has no names. */
  of(pid: number, mapping: Mapping): CodeFile {
    if (mapping.path === VDSO) return (this.#vdso ??= openVdso());
    const known = this.#find(pid, mapping) ?? this.#open(pid, mapping);
    known.lastUsed = this.#flush;
    return known;
  }

  /** Ends a flush: closes what is idle, and the least recently used while there are too many or too large ones. */
  endFlush(): void {
    this.#flush++;
    let bytes = this.memoryBytes;
    if (this.#files.size <= MAX_FILES && bytes <= MAX_NAMES_BYTES && this.#flush % IDLE_FLUSHES !== 0) return;
    const oldestFirst = [...this.#files].sort(([, a], [, b]) => a.lastUsed - b.lastUsed);
    let count = this.#files.size;
    for (const [key, file] of oldestFirst) {
      const idle = this.#flush - file.lastUsed > IDLE_FLUSHES;
      if (!idle && count <= MAX_FILES && bytes <= MAX_NAMES_BYTES) break;
      // What is being read is in use.
      if (file.names.kind === "reading") continue;
      count--;
      bytes -= file.memoryBytes;
      this.#files.delete(key);
      file.discard();
    }
    if (this.#files.size === 0) this.#opened.clear();
  }

  close(): void {
    for (const file of this.#files.values()) file.discard();
    this.#files.clear();
    this.#vdso?.discard();
  }

  /** Without opening it: the kernel's link to the mapped file says which one it is. Needs CAP_SYS_ADMIN or …RESTORE. */
  #find(pid: number, { start, end, device, inode }: Mapping): CodeFile | undefined {
    if (!this.#opened.has(`${device}:${inode}`)) return undefined;
    try {
      const name = `/proc/${pid}/map_files/${start.toString(16)}-${end.toString(16)}`;
      const stat = statSync(name, { bigint: true });
      return this.#files.get(`${stat.dev}:${stat.ino}:${stat.mtimeNs}:${stat.size}`);
    } catch {
      return undefined;
    }
  }

  #open(pid: number, mapping: Mapping): CodeFile {
    const opened = openMappedFile(pid, mapping);
    if (!(opened instanceof OpenedFile)) {
      this.#count(opened.reason);
      return new CodeFile(mapping.path, opened);
    }
    const known = this.#files.get(opened.version);
    if (known) {
      opened.close();
      return known;
    }
    const file = new CodeFile(mapping.path, opened);
    if (file.problem) this.#count("not-elf");
    const twin = this.#twinOf(opened, file);
    if (twin) {
      file.discard();
      return twin;
    }
    this.#files.set(opened.version, file);
    if (this.#opened.size > MAX_FILES * 8) this.#opened.clear();
    this.#opened.add(`${mapping.device}:${mapping.inode}`);
    return file;
  }

  /**
   * The same file under another device: of an image whose containers each have an overlay. The build id alone could be
   * anybody's claim; inode, time and size with it make it as good as the device would.
   */
  #twinOf(opened: OpenedFile, file: CodeFile): CodeFile | undefined {
    const buildId = file.elf?.gnuBuildId ?? file.elf?.goBuildId;
    if (buildId === undefined) return undefined;
    const identity = opened.version.slice(opened.version.indexOf(":"));
    for (const [version, other] of this.#files) {
      if (version.slice(version.indexOf(":")) !== identity) continue;
      if ((other.elf?.gnuBuildId ?? other.elf?.goBuildId) === buildId) return other;
    }
    return undefined;
  }

  #count(reason: string): void {
    this.problems.set(reason, (this.problems.get(reason) ?? 0) + 1);
  }
}

/** Opens debug files in the container of a process, or on the host. */
export function openDebugFileFor(pid: number) {
  return (path: string, root: "container" | "host"): OpenedFile | undefined => {
    const opened = openInProcess(root === "container" ? pid : 1, path);
    return opened instanceof FileProblem ? undefined : opened;
  };
}

/** The kernel's page of functions for processes is the same for all of them: ours is looked at. */
function openVdso(): CodeFile {
  const mapping = readMappings(process.pid)?.list.find(({ path }) => path === VDSO);
  const memory = mapping && ProcessMemory.open(process.pid, new MemoryBlocks(4));
  if (!memory) return new CodeFile(VDSO, new FileProblem("missing", VDSO));
  const bytes = new Uint8Array(mapping.end - mapping.start);
  const read = memory.read(bytes, mapping.start);
  memory.close();
  return new CodeFile(VDSO, { ...bytesSource(bytes.subarray(0, read)), close() {} });
}
