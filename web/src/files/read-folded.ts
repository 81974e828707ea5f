import { FrameTable, MAX_STACK_FRAMES, StackTableBuilder, StringBlock } from "../flame/index.ts";
import { ByteInterner } from "./byte-interner.ts";
import { FileProblem, type FileProfile, type Report } from "./file-profile.ts";

const NEWLINE = 0x0a;
const SPACE = 0x20;
const TAB = 0x09;
const CARRIAGE_RETURN = 0x0d;
const SEMICOLON = 0x3b;
const HASH = 0x23;
/** Lines between two reports of progress. */
const REPORT_EVERY = 1 << 13;

/**
 * Reads folded stacks (`outermost;…;innermost count` a line) without making a string of a line: files of this format are
 * large, 200,000 stacks are about 190 MB. Marks at the end of names (`_[k]`, `_[j]`, `_[i]`) become types of frames, as
 * in `readFolded` of the formats.
 */
export function readFolded(bytes: Uint8Array, report: Report): FileProfile | FileProblem {
  const names = new ByteInterner();
  const builder = new StackTableBuilder();
  let ignored = 0;
  let start = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
  for (let line = 1; start < bytes.length; line++) {
    const found = bytes.indexOf(NEWLINE, start);
    const next = found < 0 ? bytes.length : found;
    let end = next;
    while (end > start && isBlank(bytes[end - 1]!)) end--;
    if (end > start && bytes[start] !== HASH) {
      let digits = end;
      while (digits > start && isDigit(bytes[digits - 1]!)) digits--;
      const negative = digits > start && bytes[digits - 1] === 0x2d;
      let stackEnd = negative ? digits - 1 : digits;
      if (digits === end || end - digits > 19 || !isBlank(bytes[stackEnd - 1] ?? 0)) {
        return new FileProblem(`line ${line} has no count at its end`, "folded stacks are lines such as: main;work 42");
      }
      while (stackEnd > start && isBlank(bytes[stackEnd - 1]!)) stackEnd--;
      let value = 0;
      for (let at = digits; at < end; at++) value = value * 10 + bytes[at]! - 0x30;
      if (negative || value === 0) ignored++;
      else {
        pushFrames(bytes, start, stackEnd, names, builder);
        builder.close(value);
        if (builder.frameCount > MAX_STACK_FRAMES) return tooLarge();
      }
    }
    start = next + 1;
    if (line % REPORT_EVERY === 0) report(start / bytes.length);
  }
  if (builder.length === 0) {
    return new FileProblem("the file holds no stack that counts anything", "look whether it is folded stacks at all");
  }
  return {
    format: "folded",
    sampleTypes: [{ type: "samples", unit: "count" }],
    sampleType: 0,
    stacks: builder.finish(),
    frames: framesOf(names.finish()),
    coveredMs: undefined,
    ignored,
  };
}

function pushFrames(
  bytes: Uint8Array,
  start: number,
  end: number,
  names: ByteInterner,
  builder: StackTableBuilder,
): void {
  let from = start;
  for (let at = start; at <= end; at++) {
    if (at < end && bytes[at] !== SEMICOLON) continue;
    builder.push(names.intern(bytes, from, at));
    from = at + 1;
  }
}

/** What MARK letters say; an inlined call is of its caller's kind. */
const TYPES: Readonly<Record<string, string>> = { k: "kernel", j: "jit", i: "" };

/** Frames of names: marks become types. */
function framesOf(marked: StringBlock): FrameTable {
  const count = marked.length;
  const { bytes, offsets } = marked;
  // Texts of types stand behind the names.
  const types = ["", "kernel", "jit"];
  const all = StringBlock.of(types);
  const strings = new StringBlock(
    new Uint8Array(bytes.length + all.bytes.length),
    new Uint32Array(count + types.length + 1),
  );
  const type = new Uint32Array(count).fill(count);
  let at = 0;
  for (let name = 0; name < count; name++) {
    let end = offsets[name + 1]!;
    const start = offsets[name]!;
    if (end - start > 4 && bytes[end - 1] === 0x5d && bytes[end - 3] === 0x5b && bytes[end - 4] === 0x5f) {
      const mark = TYPES[String.fromCharCode(bytes[end - 2]!)];
      if (mark !== undefined) {
        type[name] = count + types.indexOf(mark);
        end -= 4;
      }
    }
    for (let from = start; from < end; from++) strings.bytes[at++] = bytes[from]!;
    strings.offsets[name + 1] = at;
  }
  strings.bytes.set(all.bytes, at);
  for (let text = 0; text < types.length; text++) strings.offsets[count + text + 1] = at + all.offsets[text + 1]!;
  const none = new Uint32Array(count).fill(count);
  const name = Uint32Array.from({ length: count }, (_, index) => index);
  return new FrameTable({ strings, name, type, file: none, mapping: none, line: new Uint32Array(count) });
}

export function tooLarge(): FileProblem {
  return new FileProblem(
    `the stacks have more than ${MAX_STACK_FRAMES.toLocaleString("en-US")} frames`,
    "aggregate the profile before opening it, or take a shorter one",
  );
}

function isBlank(byte: number): boolean {
  return byte === SPACE || byte === TAB || byte === CARRIAGE_RETURN;
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}
