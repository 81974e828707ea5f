import type { ElfFile } from "../elf/elf-file.ts";
import type { ElfSymbol } from "../elf/symbol-table.ts";
import { SymbolProblem } from "../symbol-problem.ts";
import { DEOPTIMIZATION_BEFORE_13, type V8Version, versionOf } from "./versions.ts";

/** Where V8 keeps what of its frames and objects; offsets in bytes, instance types as numbers. */
export interface V8Layout {
  /** The release, where it is one of those whose private fields we know. Without: no lines for optimized code. */
  readonly version: V8Version | undefined;
  /** Slots of a frame, relative to the frame pointer. */
  readonly frame: {
    readonly contextOrMarker: number;
    readonly function: number;
    readonly bytecodeArray: number;
    readonly bytecodeOffset: number;
  };
  /** Field of a JSFunction that points to its SharedFunctionInfo. */
  readonly sharedOfFunction: number;
  readonly mapOfObject: number;
  readonly instanceTypeOfMap: number;
  readonly sharedFunctionInfo: { readonly data: number; readonly nameOrScopeInfo: number; readonly script: number };
  readonly scopeInfo: { readonly localCount: number; readonly firstLocal: number };
  readonly script: { readonly source: number; readonly name: number; readonly lineOffset: number };
  readonly string: StringLayout;
  readonly bytecodeArrayData: number;
  /** Length and first element of arrays, of whatever they hold. */
  readonly array: { readonly length: number; readonly data: number };
  /** Elements of an optimized function's deoptimization data. */
  readonly deoptimization: { readonly literals: number; readonly inlining: number; readonly shared: number };
  readonly types: InstanceTypes;
  /** Names of the frame types that stand in the context slot of frames that are no JavaScript functions. */
  readonly frameTypes: ReadonlyMap<number, string>;
}

/** Strings: how the low bits of the instance type tell the representation, and where the parts stand. */
export interface StringLayout {
  readonly firstNonstringType: number;
  readonly representationMask: number;
  readonly encodingMask: number;
  readonly oneByteTag: number;
  readonly sequentialTag: number;
  readonly consTag: number;
  readonly externalTag: number;
  readonly slicedTag: number;
  readonly thinTag: number;
  readonly length: number;
  readonly characters: number;
  readonly first: number;
  readonly second: number;
  readonly parent: number;
  readonly parentOffset: number;
  readonly actual: number;
  readonly resource: number;
}

/** Instance types of what we read. */
export interface InstanceTypes {
  readonly sharedFunctionInfo: number;
  readonly scopeInfo: number;
  readonly script: number;
  readonly code: number;
  readonly bytecodeArray: number;
  /** What may hold bytes: position tables, mapping tables. */
  readonly byteArrays: readonly number[];
  /** What may hold pointers: deoptimization data, literals. */
  readonly pointerArrays: readonly number[];
  /** Wraps a SharedFunctionInfo in a literal array; 0 where there is no such thing. */
  readonly sharedFunctionInfoWrapper: number;
  readonly interpreterData: number;
  /** What functions have in their context slot: first and last type. */
  readonly contexts: { readonly first: number; readonly last: number };
  /** Functions without bytecode, which keep their positions there. */
  readonly uncompiledData: readonly number[];
}

const PREFIX = "v8dbg_";
/** Node has 457 to 531 of them. */
const MAX_SYMBOLS = 4096;

/**
 * Reads V8's layout from the `v8dbg_` symbols that Node's binary (or its `libnode.so`) exports for debuggers.
 *
 * @returns a problem when it's no Node, or when something is missing or cannot be right; nothing may be read with it then
 */
export function readV8Layout(elf: ElfFile): V8Layout | SymbolProblem {
  const symbols = elf.symbolTable("dynamic")?.withPrefix(PREFIX, MAX_SYMBOLS) ?? [];
  if (symbols.length === 0) return new SymbolProblem("unsupported", "exports no v8dbg_ symbols: not Node");
  const constants = new Constants(elf, symbols);
  // Chromium, Electron and Deno keep tagged values in 32 bits: other offsets, other pointers.
  const smallIntegerShift = constants.optional("SmiShiftSize");
  const taggedBytes = constants.optional("TaggedSize") ?? 8;
  if (smallIntegerShift !== 31 || taggedBytes !== 8) {
    return new SymbolProblem("unsupported", "V8 with compressed pointers: an embedder other than Node");
  }
  const layout = layoutFrom(constants);
  if (constants.missing.length > 0) {
    return new SymbolProblem(
      "unsupported",
      `V8 without ${constants.missing.join(", ")}: older or newer than 10.2 to 13.6`,
    );
  }
  return layout;
}

function layoutFrom(constants: Constants): V8Layout {
  const field = (className: string, name: string): number => constants.field(`class_${className}__${name}`);
  const type = (className: string): number => constants.field(`type_${className}`);
  const types: InstanceTypes = {
    sharedFunctionInfo: type("SharedFunctionInfo"),
    scopeInfo: type("ScopeInfo"),
    script: type("Script"),
    code: type("Code"),
    bytecodeArray: type("BytecodeArray"),
    byteArrays: constants.present("type_ByteArray", "type_TrustedByteArray"),
    pointerArrays: constants.present(
      "type_FixedArray",
      "type_TrustedFixedArray",
      "type_ProtectedFixedArray",
      "type_WeakFixedArray",
      "type_TrustedWeakFixedArray",
      "type_ProtectedWeakFixedArray",
    ),
    sharedFunctionInfoWrapper: constants.present("type_SharedFunctionInfoWrapper")[0] ?? 0,
    interpreterData: type("InterpreterData"),
    contexts: { first: constants.value("FirstContextType"), last: constants.value("LastContextType") },
    uncompiledData: constants.present(
      "type_UncompiledDataWithPreparseData",
      "type_UncompiledDataWithoutPreparseData",
      "type_UncompiledDataWithPreparseDataAndJob",
      "type_UncompiledDataWithoutPreparseDataWithJob",
    ),
  };
  const firstLocal = constants.value("scopeinfo_idx_first_vars");
  return {
    version: versionOf(types),
    frame: {
      contextOrMarker: constants.value("off_fp_context_or_frame_type"),
      function: constants.value("off_fp_function"),
      bytecodeArray: constants.value("off_fp_bytecode_array"),
      bytecodeOffset: constants.value("off_fp_bytecode_offset"),
    },
    sharedOfFunction: field("JSFunction", "shared"),
    mapOfObject: field("HeapObject", "map"),
    instanceTypeOfMap: field("Map", "instance_type"),
    sharedFunctionInfo: {
      // Up to 12.4 exported, or the first field; from 13 on the first field is what is trusted, bytecode among it.
      data: 8,
      nameOrScopeInfo: field("SharedFunctionInfo", "name_or_scope_info"),
      script: field("SharedFunctionInfo", "script"),
    },
    // Indices count words behind the map.
    scopeInfo: {
      localCount: 8 * (1 + constants.value("scopeinfo_idx_ncontextlocals")),
      firstLocal: 8 * (1 + firstLocal),
    },
    script: { source: field("Script", "source"), name: field("Script", "name"), lineOffset: 24 },
    string: {
      firstNonstringType: constants.value("FirstNonstringType"),
      representationMask: constants.value("StringRepresentationMask"),
      encodingMask: constants.value("StringEncodingMask"),
      oneByteTag: constants.value("OneByteStringTag"),
      sequentialTag: constants.value("SeqStringTag"),
      consTag: constants.value("ConsStringTag"),
      externalTag: constants.value("ExternalStringTag"),
      slicedTag: constants.value("SlicedStringTag"),
      thinTag: constants.value("ThinStringTag"),
      length: field("String", "length"),
      characters: field("SeqOneByteString", "chars"),
      first: field("ConsString", "first"),
      second: field("ConsString", "second"),
      parent: constants.present("class_SlicedString__parent")[0] ?? field("ConsString", "first"),
      parentOffset: field("SlicedString", "offset"),
      actual: field("ThinString", "actual"),
      resource: field("ExternalString", "resource"),
    },
    bytecodeArrayData: field("BytecodeArray", "data"),
    array: { length: field("FixedArrayBase", "length"), data: field("FixedArray", "data") },
    deoptimization: {
      literals: constants.optional("DeoptimizationDataLiteralArrayIndex") ?? DEOPTIMIZATION_BEFORE_13.literals,
      inlining: constants.optional("DeoptimizationDataInliningPositionsIndex") ?? DEOPTIMIZATION_BEFORE_13.inlining,
      shared:
        constants.optional("DeoptimizationDataSharedFunctionInfoIndex") ??
        constants.optional("DeoptimizationDataWrappedSharedFunctionInfoIndex") ??
        DEOPTIMIZATION_BEFORE_13.shared,
    },
    types,
    frameTypes: constants.frameTypes(),
  };
}

/** The exported numbers, read when they're asked for. Names end with the field's C++ type, which differs by release. */
class Constants {
  readonly missing: string[] = [];
  readonly #elf: ElfFile;
  readonly #symbols: ReadonlyMap<string, ElfSymbol>;

  constructor(elf: ElfFile, symbols: readonly (ElfSymbol & { readonly name: string })[]) {
    this.#elf = elf;
    this.#symbols = new Map(symbols.map((symbol) => [symbol.name.slice(PREFIX.length), symbol]));
  }

  /** Of exactly that name. */
  value(name: string): number {
    return this.optional(name) ?? this.#lack(name);
  }

  optional(name: string): number | undefined {
    const symbol = this.#symbols.get(name);
    return symbol && this.#read(symbol);
  }

  /** Whatever the type at the end of the name: `class_Script__name` is `class_Script__name__Object`. */
  field(name: string): number {
    return this.present(name)[0] ?? this.#lack(name);
  }

  /** Those of the names that there are. */
  present(...names: readonly string[]): number[] {
    return names.flatMap((name) => {
      for (const [full, symbol] of this.#symbols) if (isField(full, name)) return this.#read(symbol) ?? [];
      return [];
    });
  }

  frameTypes(): ReadonlyMap<number, string> {
    const types = new Map<number, string>();
    for (const [name, symbol] of this.#symbols) {
      const type = /^frametype_(\w+)Frame$/.exec(name)?.[1];
      const value = type === undefined ? undefined : this.#read(symbol);
      if (type !== undefined && value !== undefined) types.set(value, type);
    }
    return types;
  }

  /** A 32-bit number; those that are 0 have no bytes in the file. */
  #read(symbol: ElfSymbol): number | undefined {
    const bytes = new Uint8Array(4);
    const got = this.#elf.readVirtual(symbol.value, bytes);
    if (got === 0) return this.#isZeroed(symbol.value) ? 0 : undefined;
    return got === 4 ? new DataView(bytes.buffer).getInt32(0, true) : undefined;
  }

  #isZeroed(address: number): boolean {
    return this.#elf.segments.some(
      ({ virtualAddress, memorySizeBytes }) => address >= virtualAddress && address < virtualAddress + memorySizeBytes,
    );
  }

  #lack(name: string): number {
    this.missing.push(name);
    return 0;
  }
}

/** SharedFunctionInfo's script is `script`, or `script_or_debug_info` in releases up to 11. */
function isField(symbol: string, name: string): boolean {
  return symbol.startsWith(`${name}__`) || (name.endsWith("__script") && symbol.startsWith(`${name}_or_debug_info__`));
}
