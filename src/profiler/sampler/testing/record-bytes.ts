import { CGROUP_RECORD_BYTES, HEADER_BYTES, Interpreter, RECORD_VERSION, RecordKind } from "../record.ts";

/** What a test wants in a record; what it leaves out is 0 or empty. Addresses and ids are 64-bit. */
export interface RecordFields {
  /** One of `RecordKind`; an on-CPU sample unless said. */
  readonly kind?: number;
  readonly flags?: number;
  readonly pid?: number;
  /** The same as `pid` unless said. */
  readonly tid?: number;
  readonly timeNs?: number;
  readonly startTimeNs?: number;
  readonly cgroupV2?: number;
  readonly cgroupV1?: number;
  readonly stackTop?: number;
  readonly valueNs?: number;
  readonly cpu?: number;
  readonly comm?: string;
  /** Instead of stacks, of a cgroup that was made. */
  readonly madeCgroup?: { readonly parent: number; readonly name: string };
  /** Leaf first. */
  readonly kernel?: readonly bigint[];
  /** Leaf first: an address, or the five words of a V8 frame. All frames of a record have the same number. */
  readonly user?: readonly (bigint | readonly bigint[])[];
  /** CPython's frames, two words each, leaf first; the record says that it was looked for them if there is this list. */
  readonly python?: readonly (readonly [bigint, bigint])[];
}

/** A record as the kernel programs write it, for tests of what reads records. */
export function recordBytes(fields: RecordFields): Uint8Array {
  const kernel = fields.kernel ?? [];
  const user = (fields.user ?? []).map((frame) => (typeof frame === "bigint" ? [frame] : frame));
  const userWords = user[0]?.length ?? 1;
  const { madeCgroup, python } = fields;
  const words = [...kernel, ...user.flat(), ...(python ?? []).flat()];
  const sizeBytes = madeCgroup ? CGROUP_RECORD_BYTES : HEADER_BYTES + 8 * words.length;
  const bytes = new Uint8Array(sizeBytes);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, RECORD_VERSION);
  view.setUint8(1, fields.kind ?? RecordKind.OnCpu);
  view.setUint16(2, fields.flags ?? 0, true);
  view.setUint32(4, sizeBytes, true);
  view.setUint32(8, fields.pid ?? 0, true);
  view.setUint32(12, fields.tid ?? fields.pid ?? 0, true);
  const doubles = ["timeNs", "startTimeNs", "cgroupV2", "cgroupV1", "stackTop", "valueNs"] as const;
  for (const [index, name] of doubles.entries()) view.setBigUint64(16 + 8 * index, BigInt(fields[name] ?? 0), true);
  view.setUint16(64, fields.cpu ?? 0, true);
  view.setUint16(66, kernel.length, true);
  view.setUint16(68, user.length, true);
  view.setUint8(70, userWords);
  view.setUint16(72, python?.length ?? 0, true);
  view.setUint8(74, python ? Interpreter.CPython : Interpreter.None);
  bytes.set(new TextEncoder().encode(fields.comm ?? "").subarray(0, 15), 80);
  for (const [index, word] of words.entries()) {
    view.setBigUint64(HEADER_BYTES + 8 * index, word, true);
  }
  if (madeCgroup) {
    view.setBigUint64(HEADER_BYTES, BigInt(madeCgroup.parent), true);
    bytes.set(new TextEncoder().encode(madeCgroup.name), HEADER_BYTES + 8);
  }
  return bytes;
}

/** Records one after another as half words, and where each begins: what `RecordView.moveTo` takes. */
export function recordWords(...records: readonly Uint8Array[]): { words: Uint32Array; at: readonly number[] } {
  const at: number[] = [];
  let sizeBytes = 0;
  for (const record of records) {
    at.push(sizeBytes / 4);
    sizeBytes += record.length;
  }
  const bytes = new Uint8Array(sizeBytes);
  for (const [index, record] of records.entries()) bytes.set(record, at[index]! * 4);
  return { words: new Uint32Array(bytes.buffer), at };
}
