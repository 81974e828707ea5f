import type { CodeObject } from "./code-objects.ts";
import type { Heap } from "./heap.ts";
import { findSourcePosition, type SourcePosition, sourcePositionOf } from "./position-table.ts";

/** A function that is active at an address of optimized code, and where in its script. */
export interface ActiveCall {
  /** Address of its SharedFunctionInfo. */
  readonly shared: number;
  /** Undefined if unknown. */
  readonly position: number | undefined;
}

const MAX_TABLE_BYTES = 4 << 20;
/** V8 stops inlining long before. */
const MAX_DEPTH = 64;
/** An inlining position: the position word of the call, and the index of the called function among the literals. */
const ENTRY = { BYTES: 16, FUNCTION: 8 } as const;

/**
 * Functions active at an offset of optimized code, innermost first: all but the last were inlined. Undefined when the
 * code doesn't tell its function (any more).
 */
export function activeCalls(heap: Heap, code: CodeObject, machineOffset: number): ActiveCall[] | undefined {
  const { deoptimization: index } = heap.layout;
  if (code.deoptimization === undefined || code.positions === undefined) return undefined;
  const outer = functionIn(heap, code.deoptimization, index.shared);
  const table = heap.byteArray(code.positions, MAX_TABLE_BYTES);
  if (outer === undefined || !table) return undefined;

  const calls: ActiveCall[] = [];
  let position = findSourcePosition(table, machineOffset);
  while (position && position.inliningId >= 0) {
    const inlined = calls.length < MAX_DEPTH ? inlinedAt(heap, code.deoptimization, position.inliningId) : undefined;
    if (!inlined) return undefined;
    if (inlined.shared !== undefined) calls.push({ shared: inlined.shared, position: position.offset });
    position = inlined.caller;
  }
  calls.push({ shared: outer, position: position?.offset });
  return calls;
}

interface Inlined {
  readonly shared: number | undefined;
  readonly caller: SourcePosition | undefined;
}

function inlinedAt(heap: Heap, deoptimization: number, id: number): Inlined | undefined {
  const { deoptimization: index, array } = heap.layout;
  const positions = heap.arrayPointer(deoptimization, index.inlining);
  const literals = heap.arrayPointer(deoptimization, index.literals);
  if (positions === undefined || literals === undefined) return undefined;
  const header = heap.objectOf(heap.layout.types.byteArrays, positions, array.data);
  const size = header?.smallInteger(array.length);
  if (size === undefined) return undefined;
  if ((id + 1) * ENTRY.BYTES > size) {
    heap.faults.implausible++;
    return undefined;
  }
  const bytes = heap.bytes(positions + array.data + id * ENTRY.BYTES, ENTRY.BYTES);
  if (!bytes) return undefined;
  const view = new DataView(bytes.buffer);
  const caller = sourcePositionOf(view.getUint32(4, true) * 2 ** 32 + view.getUint32(0, true));
  const literal = view.getInt32(ENTRY.FUNCTION, true);
  // -1 stands for a function that V8 doesn't name: a builtin that it wrote out in place.
  if (literal < 0) return { shared: undefined, caller };
  const shared = functionIn(heap, literals, literal);
  return shared === undefined ? undefined : { shared, caller };
}

/** The SharedFunctionInfo in an array, wrapped or not. */
function functionIn(heap: Heap, array: number, index: number): number | undefined {
  const address = heap.arrayPointer(array, index);
  const object = address === undefined ? undefined : heap.object(address, 16);
  const { sharedFunctionInfo, sharedFunctionInfoWrapper } = heap.layout.types;
  if (object?.type === sharedFunctionInfo) return object.address;
  if (object && object.type === sharedFunctionInfoWrapper) return object.pointer(8);
  if (object) heap.faults.wrongType++;
  return undefined;
}
