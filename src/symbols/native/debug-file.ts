import { dirname } from "node:path/posix";
import { crc32 } from "node:zlib";
import type { ByteSource } from "../byte-source.ts";
import { type ElfFile, openElf } from "../elf/elf-file.ts";
import type { ElfSymbolTable } from "../elf/symbol-table.ts";
import { withWindow } from "../elf/windows.ts";
import { SymbolProblem } from "../symbol-problem.ts";
import type { DebugFileSettings } from "./native-symbols.ts";

/** A debug file that was opened for us. */
export interface DebugFileSource extends ByteSource {
  close(): void;
}

/**
 * Opens a debug file, in the root of the program's container or on the host; undefined if there is none. `path` is
 * absolute, and comes from the hostile file: it must be opened below that root.
 */
export type OpenDebugFile = (path: string, root: "container" | "host") => DebugFileSource | undefined;

/** A debug file that belongs to the program. */
export interface DebugFile {
  readonly source: DebugFileSource;
  readonly elf: ElfFile;
  readonly table: ElfSymbolTable;
}

const DEBUG_FOLDER = "/usr/lib/debug";
/** Checksumming takes 1 ms for 2 MB. Larger files are used with a build id, or not at all. */
const MAX_CHECKSUMMED_BYTES = 64 << 20;

/**
 * Looks for the file with a program's symbols, by build id and by debug link, in its container and then in the host's
 * folder of debug files. One that belongs to another build is not used.
 */
export function findDebugFile(elf: ElfFile, { programPath, open }: DebugFileSettings): DebugFile | undefined {
  if (!open) return undefined;
  const paths = debugFilePaths(elf, programPath);
  for (const root of ["container", "host"] as const) {
    for (const path of paths) {
      // A container's file must not choose which of the host's files are opened, beyond this folder.
      if (root === "host" && !path.startsWith(`${DEBUG_FOLDER}/`)) continue;
      const source = open(path, root);
      if (!source) continue;
      const found = accept(source, elf);
      if (found) return found;
      source.close();
    }
  }
  return undefined;
}

/** Where debuggers look, in their order (GDB manual, "Separate Debug Files"). */
function debugFilePaths(elf: ElfFile, programPath: string | undefined): readonly string[] {
  const paths: string[] = [];
  const { gnuBuildId, debugLink } = elf;
  if (gnuBuildId !== undefined && gnuBuildId.length > 2) {
    paths.push(`${DEBUG_FOLDER}/.build-id/${gnuBuildId.slice(0, 2)}/${gnuBuildId.slice(2)}.debug`);
  }
  if (debugLink && programPath?.startsWith("/")) {
    const folder = dirname(programPath) === "/" ? "" : dirname(programPath);
    for (const place of [folder, `${folder}/.debug`, `${DEBUG_FOLDER}${folder}`]) {
      const path = `${place}/${debugLink.fileName}`;
      if (path !== programPath) paths.push(path);
    }
  }
  return paths;
}

function accept(source: DebugFileSource, program: ElfFile): DebugFile | undefined {
  const elf = openElf(source);
  if (elf instanceof SymbolProblem || elf.machine !== program.machine) return undefined;
  if (elf.gnuBuildId !== undefined || program.gnuBuildId !== undefined) {
    if (elf.gnuBuildId !== program.gnuBuildId) return undefined;
  } else if (program.debugLink?.crc32 !== checksum(source)) return undefined;
  const table = elf.symbolTable("static");
  return table && { source, elf, table };
}

function checksum(source: ByteSource): number | undefined {
  if (source.sizeBytes > MAX_CHECKSUMMED_BYTES) return undefined;
  return withWindow((window) => {
    let sum = 0;
    for (let position = 0; ;) {
      const got = source.read(window, position);
      if (got === 0) return sum;
      sum = crc32(window.subarray(0, got), sum);
      position += got;
    }
  });
}
