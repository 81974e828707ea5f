/** Where a build of CPython keeps what: byte offsets within its structures. */
export interface CPythonOffsets {
  /** Of `_PyRuntime`: the list of interpreters. */
  readonly interpretersHead: number;
  readonly interpreterNext: number;
  readonly threadsHead: number;
  readonly threadNext: number;
  /** What the C library calls the thread: its thread pointer on x86-64. */
  readonly threadId: number;
  readonly threadFrame: number;
  /** Before 3.13 a thread's word leads to a structure on the C stack, whose field leads to the frame. */
  readonly cframeFrame: number | undefined;
  readonly frameCode: number;
  readonly framePrevious: number;
  readonly frameInstruction: number;
  /** Byte that tells where the interpreter was entered: see {@link CPythonOffsets.entry}. */
  readonly frameEntry: number;
  /**
   * Frames for which that byte has this value stand where C called Python: in 3.11 the outermost function that one run of the
   * evaluator has, later a frame of its own (`shim`), which no function has, below it.
   */
  readonly entry: { readonly value: number; readonly isShim: boolean };
  readonly codeFileName: number;
  readonly codeName: number;
  readonly codeQualifiedName: number;
  readonly codeFirstLine: number;
  /** A number that no other code object has, since 3.12; the first line where there is none. */
  readonly codeVersion: number;
  readonly codeLineTable: number;
  readonly codeInstructions: number;
  readonly stringLength: number;
  readonly stringHash: number;
  readonly stringState: number;
  /** Where the characters of ASCII text begin, and those of other text. */
  readonly asciiData: number;
  readonly compactData: number;
  readonly bytesSize: number;
  readonly bytesData: number;
  readonly objectType: number;
}

/** Owner of the frame that stands for C: `FRAME_OWNED_BY_CSTACK`. */
const OWNED_BY_C = 3;

const OBJECTS = {
  codeFileName: 112,
  codeName: 120,
  codeQualifiedName: 128,
  codeLineTable: 136,
  stringLength: 16,
  stringHash: 24,
  stringState: 32,
  bytesSize: 16,
  bytesData: 32,
  objectType: 8,
} as const;

/** CPython 3.11, by its own headers (3.11.7) and Debian's 3.11.2. */
export const OFFSETS_3_11: CPythonOffsets = {
  ...OBJECTS,
  interpretersHead: 40,
  interpreterNext: 0,
  threadsHead: 16,
  threadNext: 8,
  threadId: 152,
  threadFrame: 56,
  cframeFrame: 8,
  frameCode: 32,
  framePrevious: 48,
  frameInstruction: 56,
  frameEntry: 68,
  entry: { value: 1, isShim: false },
  codeFirstLine: 72,
  codeVersion: 72,
  codeInstructions: 184,
  asciiData: 48,
  compactData: 72,
};

/** CPython 3.12, by its own headers (3.12.1). */
export const OFFSETS_3_12: CPythonOffsets = {
  ...OBJECTS,
  interpretersHead: 40,
  interpreterNext: 0,
  threadsHead: 72,
  threadNext: 8,
  threadId: 136,
  threadFrame: 56,
  cframeFrame: 0,
  frameCode: 0,
  framePrevious: 8,
  frameInstruction: 56,
  frameEntry: 70,
  entry: { value: OWNED_BY_C, isShim: true },
  codeFirstLine: 68,
  codeVersion: 92,
  codeInstructions: 192,
  asciiData: 40,
  compactData: 56,
};

const COOKIE = "xdebugpy";
/** `_Py_DebugOffsets` of 3.13 up to the last field that is used, in words. */
const DEBUG_WORDS = 71;
/** Bytes of that. */
export const DEBUG_OFFSETS_BYTES = DEBUG_WORDS * 8;
/** No structure is larger; `_PyRuntime` has 300 KB. */
const LARGEST_OFFSET = 1 << 20;
const MINOR_3_13 = 13;
/** Not among what the build tells; from the headers of 3.13.0. */
const CODE_VERSION_3_13 = 92;
const COMPACT_AFTER_ASCII = 16;

/** What a build of 3.13 tells of itself. */
export interface DebugOffsets {
  readonly offsets: CPythonOffsets;
  readonly isFreeThreaded: boolean;
}

/**
 * Reads the table that CPython 3.13 puts at the beginning of `_PyRuntime` for debuggers. Each release has its own order of
 * fields, so the table of another isn't read.
 *
 * @returns undefined if it isn't that table
 */
export function readDebugOffsets(bytes: Uint8Array): DebugOffsets | undefined {
  if (bytes.length < DEBUG_OFFSETS_BYTES || Buffer.from(bytes.subarray(0, 8)).toString("latin1") !== COOKIE) {
    return undefined;
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const version = view.getUint32(8, true);
  if (((version >>> 16) & 0xff) !== MINOR_3_13 || version >>> 24 !== 3) return undefined;
  let isPlausible = true;
  const at = (word: number): number => {
    const offset = view.getUint32(word * 8, true);
    isPlausible &&= offset < LARGEST_OFFSET && view.getUint32(word * 8 + 4, true) === 0;
    return offset;
  };
  const asciiData = at(70);
  const codeFirstLine = at(39);
  const offsets: CPythonOffsets = {
    interpretersHead: at(5),
    interpreterNext: at(8),
    threadsHead: at(9),
    threadNext: at(21),
    threadFrame: at(23),
    threadId: at(24),
    cframeFrame: undefined,
    framePrevious: at(29),
    frameCode: at(30),
    frameInstruction: at(31),
    frameEntry: at(33),
    entry: { value: OWNED_BY_C, isShim: true },
    codeFileName: at(35),
    codeName: at(36),
    codeQualifiedName: at(37),
    codeLineTable: at(38),
    codeFirstLine,
    codeVersion: CODE_VERSION_3_13,
    codeInstructions: at(43),
    objectType: at(45),
    bytesSize: at(65),
    bytesData: at(66),
    stringState: at(68),
    stringLength: at(69),
    stringHash: at(69) + 8,
    asciiData,
    compactData: asciiData + COMPACT_AFTER_ASCII,
  };
  return isPlausible ? { offsets, isFreeThreaded: view.getUint32(16, true) !== 0 } : undefined;
}
