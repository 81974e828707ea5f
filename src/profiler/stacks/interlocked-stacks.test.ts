import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { OFFSETS_3_11, OFFSETS_3_12 } from "../../symbols/cpython/offsets.ts";
import type { PythonCode } from "../naming/python-code.ts";
import { RecordFlag, RecordView } from "../sampler/record.ts";
import { recordBytes, recordWords } from "../sampler/testing/record-bytes.ts";
import { InterlockedStacks } from "./interlocked-stacks.ts";
import { PYTHON_GAPS, PythonGap } from "./python-gap.ts";
import { Truncation } from "./truncation.ts";
import { StackView } from "./walked-stack.ts";

/** Code of the evaluator begins here, other code below. */
const EVALUATOR = 0x50_0000;
const OWNED_BY_C = 3n;

const code = (entry: { readonly value: number; readonly isShim: boolean }, refusal = 0): PythonCode =>
  ({ entry, refusal, isEvaluator: (address: number) => address >= EVALUATOR }) as PythonCode;
const PYTHON_3_11 = code(OFFSETS_3_11.entry);
const PYTHON_3_12 = code(OFFSETS_3_12.entry);

/** A native frame: `eval` is a run of the evaluator. */
const native = (name: string): bigint => BigInt(name === "eval" ? EVALUATOR + 0x10 : name.charCodeAt(0));
/** A frame of Python: in 3.11 `f!` is the one at which C called Python, later `!` is the frame below it. */
const script = (name: string, mark: bigint): readonly [bigint, bigint] => {
  const entry = name.endsWith("!") ? mark : 0n;
  return [(entry << 56n) | 0x9000n, BigInt(0x1_0000_0000 + name.charCodeAt(0))];
};

const view = new RecordView();
const stacks = new InterlockedStacks();

/** What becomes of native frames and Python's, both innermost first and in words. */
function interlock(
  natives: string,
  scripts: string,
  {
    python = PYTHON_3_11,
    flags = 0,
    truncation = 0,
  }: { python?: PythonCode; flags?: number; truncation?: number } = {},
): string {
  const mark = python === PYTHON_3_12 ? OWNED_BY_C : 1n;
  const record = recordBytes({
    flags,
    user: natives.split(" ").map(native),
    python: scripts === "" ? [] : scripts.split(" ").map((name) => script(name, mark)),
  });
  const { words, at } = recordWords(record);
  view.moveTo(words, at[0]!);
  expect(view.wellFormed).toBe(true);
  return shown(new StackView().ofRecord(view, truncation), python);
}

function shown(walked: StackView, python: PythonCode): string {
  const stack = stacks.of(walked, view, python);
  const names: string[] = [];
  for (let at = stack.userAt; at < stack.userEnd; at += stack.userWords * 2) {
    const [low, , codeLow, codeHigh] = stack.words.subarray(at, at + 4);
    const isScript = stack.userWords === 2 && codeHigh !== 0;
    const gap = stack.userWords === 2 && codeHigh === 0 ? codeLow! : 0;
    if (isScript) names.push(String.fromCharCode(codeLow!).toUpperCase());
    else if (gap > 0) names.push(`[${PYTHON_GAPS[gap]!.reason}]`);
    else names.push(low! >= EVALUATOR ? "eval" : String.fromCharCode(low!));
  }
  return names.join(" ");
}

describe("each run of the evaluator is replaced by the functions that it ran", () => {
  test("up to the one at which C called Python, in 3.11", () => {
    expect(interlock("m eval c d eval s", "f g! h i j!")).toBe("m F G c d H I J s");
    expect(interlock("eval eval s", "f! g!")).toBe("F G s");
  });

  test("up to the frame that stands for C, which isn't shown, later", () => {
    expect(interlock("m eval c d eval s", "f g ! h i !", { python: PYTHON_3_12 })).toBe("m F G c d H I s");
  });

  test("but for the innermost, as long as its frame isn't linked", () => {
    expect(interlock("eval c eval s", "f g!")).toBe("eval c F G s");
    expect(interlock("m eval c eval s", "f g !", { python: PYTHON_3_12 })).toBe("m eval c F G s");
  });
});

describe("where not all is known", () => {
  test("of native frames, the outer functions follow on those that are there", () => {
    const cut = { truncation: Truncation.CopyLimit };
    expect(interlock("m eval c", "f! g h!", cut)).toBe("m F c G H");
    expect(interlock("m", "f g!", cut)).toBe("m F G");
  });

  test("of Python's frames, a mark stands where they end", () => {
    const flags = RecordFlag.InterpreterLimit;
    expect(interlock("m eval s", "f g", { flags })).toBe("m F G [frame_limit] s");
    expect(interlock("m eval c eval s", "f g! h", { flags })).toBe("m F G c H [frame_limit] s");
    expect(interlock("m eval c eval s", "f g!", { flags })).toBe("m F G c [frame_limit] eval s");
  });

  test("which function belongs to which run, all of them stand together, and a mark says so", () => {
    expect(interlock("m eval s", "f! g!")).toBe("m F G [mismatch] s");
    expect(interlock("m eval c eval d eval s", "f!")).toBe("m F [mismatch] s");
    expect(interlock("m s", "f!")).toBe("F [mismatch] m s");
  });

  test("of the interpreter, the runs stand as they are, and a mark says why", () => {
    const flags = RecordFlag.Interpreters;
    expect(interlock("m eval c eval s", "", { flags })).toBe("m [interpreters] eval c eval s");
    const free = code(OFFSETS_3_11.entry, PythonGap.FreeThreaded);
    const { words, at } = recordWords(recordBytes({ user: ["m", "eval", "s"].map(native) }));
    view.moveTo(words, at[0]!);
    expect(shown(new StackView().ofRecord(view, 0), free)).toBe("m [free_threaded] eval s");
  });
});

test("a thread that runs no Python lacks nothing", () => {
  expect(interlock("m c s", "")).toBe("m c s");
  expect(interlock("m c s", "", { flags: RecordFlag.InterpreterLost })).toBe("m c s");
});

test("kernel frames stay ahead of all", () => {
  const kernel = [0xffff_ffff_8100_0000n, 0xffff_ffff_8100_0001n];
  const { words, at } = recordWords(recordBytes({ kernel, user: [native("eval")], python: [script("f!", 1n)] }));
  view.moveTo(words, at[0]!);
  const stack = stacks.of(new StackView().ofRecord(view, 0), view, PYTHON_3_11);
  expect([stack.kernelFrames, stack.userFrames]).toEqual([2, 1]);
  expect([...stack.words.subarray(stack.kernelAt, stack.userAt)]).toEqual([
    0x8100_0000, 0xffff_ffff, 0x8100_0001, 0xffff_ffff,
  ]);
});

test("whatever the two lists are, no frame is lost or told twice", () => {
  const natives = fc.array(fc.constantFrom("eval", "a", "b"), { minLength: 1, maxLength: 12 });
  const scripts = fc.array(fc.constantFrom("f", "f!", "g"), { maxLength: 12 });
  const truncation = fc.constantFrom(0, Truncation.CopyLimit);
  const flags = fc.constantFrom(0, RecordFlag.InterpreterLimit, RecordFlag.InterpreterLost);
  fc.assert(
    fc.property(natives, scripts, truncation, flags, (own, python, cut, bits) => {
      const names = interlock(own.join(" "), python.join(" "), { truncation: cut, flags: bits }).split(" ");
      expect(names.filter((name) => /^[FG]$/.test(name)).join("")).toBe(
        python.map((name) => name[0]!.toUpperCase()).join(""),
      );
      const others = names.filter((name) => /^[ab]$/.test(name)).length;
      if (!names.includes("[mismatch]")) expect(others).toBe(own.filter((name) => name !== "eval").length);
    }),
  );
});
