import { SymbolProblem } from "../symbol-problem.ts";
import type { PagedBytes } from "./paged-bytes.ts";

/** Which of Go's layouts a table has, named after the release that brought it. */
export type PclntabLayout = "1.16" | "1.18" | "1.20";

/** `abi.PCLnTabMagic`. Go 1.2 to 1.15 had 0xfffffffb and another structure. */
const LAYOUTS = new Map<number, PclntabLayout>([
  [0xfffffffa, "1.16"],
  [0xfffffff0, "1.18"],
  [0xfffffff1, "1.20"],
]);
const MAGIC_BEFORE_1_16 = 0xfffffffb;

/** Header of `.gopclntab` (`runtime.pcHeader`); positions count from its beginning. */
export interface PclntabHeader {
  readonly layout: PclntabLayout;
  /** Smallest instruction: code offsets are multiples of it. */
  readonly quantum: number;
  readonly functionCount: number;
  /** Address of the first function; 0 where only `runtime.moduledata` has it (1.16, from 1.26 on, and position-independent). */
  readonly textStart: number;
  readonly names: number;
  readonly compilationUnits: number;
  readonly files: number;
  readonly pcTables: number;
  readonly functions: number;
}

/** Reads the header and checks that everything it points to lies in the table. */
export function readPclntabHeader(table: PagedBytes): PclntabHeader | SymbolProblem {
  const magic = table.u32(0);
  const layout = LAYOUTS.get(magic);
  if (!layout) {
    if (magic === MAGIC_BEFORE_1_16) return new SymbolProblem("unsupported", "pclntab of Go before 1.16");
    return new SymbolProblem("unsupported", `pclntab with magic 0x${(magic || 0).toString(16)}`);
  }
  const pointerBytes = table.u8(7);
  if (pointerBytes !== 8) return new SymbolProblem("unsupported", `pclntab with pointers of ${pointerBytes} bytes`);
  const word = (index: number): number => table.u64(8 + 8 * index);
  const behindText = layout === "1.16" ? 2 : 3;
  const header: PclntabHeader = {
    layout,
    quantum: table.u8(6),
    functionCount: word(0),
    textStart: layout === "1.16" ? 0 : word(2),
    names: word(behindText),
    compilationUnits: word(behindText + 1),
    files: word(behindText + 2),
    pcTables: word(behindText + 3),
    functions: word(behindText + 4),
  };
  const { quantum, names, compilationUnits, files, pcTables, functions, functionCount } = header;
  const parts = [names, compilationUnits, files, pcTables, functions];
  if (!parts.every((position) => position >= 64 && position < table.sizeBytes)) {
    return new SymbolProblem("corrupt", `pclntab of ${table.sizeBytes} bytes with parts at ${parts.join(", ")}`);
  }
  if (!(functions + functionCount * functionEntryBytes(layout) < table.sizeBytes && functionCount > 0)) {
    return new SymbolProblem("corrupt", `pclntab of ${table.sizeBytes} bytes with ${functionCount} functions`);
  }
  if (!(quantum === 1 || quantum === 2 || quantum === 4)) {
    return new SymbolProblem("corrupt", `pclntab with instructions of ${quantum} bytes`);
  }
  return header;
}

/** An entry of the function table: where the code begins and where its record is, in 32 or 64 bits each. */
export function functionEntryBytes(layout: PclntabLayout): number {
  return layout === "1.16" ? 16 : 8;
}
