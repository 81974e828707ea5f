import type { InstanceTypes } from "./layout.ts";

/**
 * What a release of V8 doesn't export, measured on Node's own binaries (18.20.8, 20.20.2, 22.23.3, 24.21.0). Every
 * object reached through one of these numbers is checked by its instance type before it's believed.
 */
export interface V8Version {
  /** V8's release, e.g. `12.4`. */
  readonly name: string;
  /** Which Node has it. */
  readonly nodeMajor: number;
  /** Field of a BytecodeArray that points to its source positions. */
  readonly bytecodePositions: number;
  /** Fields of the objects that describe machine code. */
  readonly code: CodeFields;
}

/** Where a code object keeps what; offsets in bytes. */
export interface CodeFields {
  /** Machine code stands behind a header of this size in executable memory. */
  readonly headerBytes: number;
  /** The header's word that points to the Code object; undefined where the header is the Code object. */
  readonly codeOfHeader: number | undefined;
  /** Address of the first instruction; undefined where it follows from the header. */
  readonly start: number | undefined;
  readonly sizeBytes: number;
  readonly flags: number;
  /** Deoptimization data of optimized code. */
  readonly deoptimization: number;
  /** Position table of optimized code; of baseline code, the table that leads from machine code to bytecode. */
  readonly positions: number;
  /** Kinds of code, in the low four bits of the flags. */
  readonly kinds: { readonly baseline: number; readonly maglev: number; readonly turbofan: number };
}

/** Elements of the deoptimization data, where they're not exported: the releases before 13 have the same. */
export const DEOPTIMIZATION_BEFORE_13 = { literals: 2, inlining: 7, shared: 6 } as const;

/** Finds the release by instance types, which change with every one. */
export function versionOf(types: InstanceTypes): V8Version | undefined {
  return VERSIONS.get([types.sharedFunctionInfo, types.scopeInfo, types.code, types.bytecodeArray].join(" "));
}

const EARLY_KINDS = { baseline: 11, maglev: 12, turbofan: 13 } as const;
const LATE_KINDS = { baseline: 10, maglev: 11, turbofan: 12 } as const;
/** Of releases with a Code object outside of executable memory. */
const OUTSIDE = { codeOfHeader: 8, start: 40 } as const;

const VERSIONS: ReadonlyMap<string, V8Version> = new Map([
  [
    "257 256 240 195",
    {
      name: "10.2",
      nodeMajor: 18,
      bytecodePositions: 32,
      code: {
        headerBytes: 128,
        codeOfHeader: undefined,
        start: undefined,
        sizeBytes: 40,
        flags: 48,
        deoptimization: 16,
        positions: 24,
        kinds: EARLY_KINDS,
      },
    },
  ],
  [
    "262 261 245 191",
    {
      name: "11.3",
      nodeMajor: 20,
      bytecodePositions: 32,
      code: {
        ...OUTSIDE,
        headerBytes: 16,
        sizeBytes: 56,
        flags: 48,
        deoptimization: 16,
        positions: 24,
        kinds: EARLY_KINDS,
      },
    },
  ],
  [
    "274 272 206 205",
    {
      name: "12.4",
      nodeMajor: 22,
      bytecodePositions: 24,
      code: {
        ...OUTSIDE,
        headerBytes: 32,
        sizeBytes: 52,
        flags: 48,
        deoptimization: 8,
        positions: 16,
        kinds: LATE_KINDS,
      },
    },
  ],
  [
    "282 280 187 186",
    {
      name: "13.6",
      nodeMajor: 24,
      bytecodePositions: 24,
      code: {
        ...OUTSIDE,
        headerBytes: 32,
        sizeBytes: 56,
        flags: 52,
        deoptimization: 8,
        positions: 16,
        kinds: LATE_KINDS,
      },
    },
  ],
]);
