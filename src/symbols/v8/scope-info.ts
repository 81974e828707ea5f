import type { Heap } from "./heap.ts";
import { readString } from "./strings.ts";

/** What a ScopeInfo says of its function. */
export interface ScopeFacts {
  /** As it was written or inferred; empty if neither. */
  readonly name: string;
  /** Where in the script it begins and ends. */
  readonly startPosition: number | undefined;
}

/** Bits of the flags, the same in all releases from 10.2 to 13.6. */
const FLAG = {
  SCOPE_TYPE: 0xf,
  SAVED_CLASS_VARIABLE: 1 << 10,
  FUNCTION_VARIABLE: 3 << 12,
  INFERRED_NAME: 1 << 14,
} as const;
/** From this many on, the names of the variables are in a table of their own. */
const MAX_INLINE_NAMES = 75;
/** Functions with more are generated; reading past so many would cost more than their names are worth. */
const MAX_LOCALS = 4096;
/** Longer names are cut. */
export const MAX_NAME_CHARACTERS = 512;

/**
 * Reads a ScopeInfo: flags, counts, in releases from 13 on the positions, then two words for each variable that lives in
 * the heap, then what the flags announce, in a fixed order.
 */
export function readScopeInfo(heap: Heap, address: number): ScopeFacts | undefined {
  const { scopeInfo, types } = heap.layout;
  const positionsFirst = scopeInfo.firstLocal > scopeInfo.localCount + 8;
  const header = heap.objectOf(types.scopeInfo, address, scopeInfo.firstLocal);
  if (!header) return undefined;
  const flags = positionsFirst ? header.uint32(8) : header.smallInteger(8);
  const locals = header.smallInteger(scopeInfo.localCount);
  if (flags === undefined || locals === undefined || locals < 0 || locals > MAX_LOCALS) {
    heap.faults.implausible++;
    return undefined;
  }
  const hasCount = heap.layout.version?.countingScope === (flags & FLAG.SCOPE_TYPE);
  const names = locals < MAX_INLINE_NAMES ? locals : 1;
  const hasSavedClass = (flags & FLAG.SAVED_CLASS_VARIABLE) !== 0;
  const hasFunctionVariable = (flags & FLAG.FUNCTION_VARIABLE) !== 0;
  const hasInferredName = (flags & FLAG.INFERRED_NAME) !== 0;
  let at = scopeInfo.firstLocal + 8 * (Number(hasCount) + names + locals + Number(hasSavedClass));
  const restBytes = 16 * Number(hasFunctionVariable) + 8 * Number(hasInferredName) + (positionsFirst ? 0 : 16);
  const rest = heap.object(address, at + restBytes);
  if (!rest) return undefined;

  let name: string | undefined = "";
  if (hasFunctionVariable) {
    name = textIn(heap, rest.pointer(at));
    at += 16;
  }
  if (hasInferredName) {
    if (name === "") name = textIn(heap, rest.pointer(at));
    at += 8;
  }
  const startPosition = rest.smallInteger(positionsFirst ? scopeInfo.localCount + 8 : at);
  const endPosition = rest.smallInteger(positionsFirst ? scopeInfo.localCount + 16 : at + 8);
  const plausible = startPosition !== undefined && endPosition !== undefined && startPosition <= endPosition;
  return name === undefined ? undefined : { name, startPosition: plausible ? startPosition : undefined };
}

/** Text of a field that may as well hold a small integer or `undefined`; undefined if it's a string that can't be read. */
function textIn(heap: Heap, address: number | undefined): string | undefined {
  if (address === undefined) return "";
  const object = heap.object(address, 16);
  if (!object) return undefined;
  return object.type < heap.layout.string.firstNonstringType ? readString(heap, address, MAX_NAME_CHARACTERS) : "";
}
