import { type BytecodeSizes, bytecodeSizes } from "./bytecode.ts";
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
  /** Type of the scopes (a module's own code) in which a count of variables stands before these; undefined if none. */
  readonly countingScope: number | undefined;
  /** From `Bytecodes::kBytecodeSizes` in the binary. */
  readonly bytecodeSizes: BytecodeSizes;
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
      countingScope: undefined,
      bytecodeSizes: bytecodeSizes(
        "111112345562121111124422232221112333422442443443334444452333333333333333333333333222211122255456534555644553333333322221441241434233331113222222222222222222222242335211112112454412211111111111111111",
        "11111357979313111113773335333111255573377377477555777778355555555555555555555555533331113339979b957997966995555555533331661361656355551115333333333333333333333373559311113113797713311111111111111111",
      ),
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
      countingScope: undefined,
      bytecodeSizes: bytecodeSizes(
        "111112345562121111124422232221112333422442443443334445453333333333333333333333332222111222455456534555644553333333322221541241434233331114222222222222222222222242335211112112454412211111111111111111",
        "11111357979313111113773335333111255573377377477555777878555555555555555555555555333311133379979b957997966995555555533331761361656355551117333333333333333333333373559311113113797713311111111111111111",
      ),
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
      countingScope: 3,
      bytecodeSizes: bytecodeSizes(
        "11111234556212111112442223222111233342422442443443533444545333333333333333333333333222211122245545653455564455333333333122211541241434233331114222222222222222222222242335211112112454412211111111111111111",
        "11111357979313111113773335333111255573733773774775955777878555555555555555555555555333311133379979b95799796699555555555133311761361656355551117333333333333333333333373559311113113797713311111111111111111",
      ),
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
      countingScope: 5,
      bytecodeSizes: bytecodeSizes(
        "1111123455621211111244422223222111233342422444244434435334445453333333333333333333333332222112222455456534555644553333333331222115412414342333311142222222222422222222222244235211112112454412211111111111111111",
        "111113579793131111137773333533311125557373377737774775955777878555555555555555555555555333311333379979b957997966995555555551333117613616563555511173333333333733333333333377359311113113797713311111111111111111",
      ),
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
