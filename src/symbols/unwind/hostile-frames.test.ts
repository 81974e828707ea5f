/** Unwind data that anybody may have written: every answer is a rule or none, soon, and in little memory. */
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { hasProgram } from "../../../test/has-program.ts";
import { bytesSource } from "../byte-source.ts";
import { type ElfFile, openElf } from "../elf/elf-file.ts";
import { compileC, temporaryFolder } from "../testing/programs.ts";
import { frameSection, Instruction, tablesWith } from "./testing/frame-section.ts";
import { MAX_RULE_FIELDS, RuleField, RuleTable, ValueForm } from "./unwind-rule.ts";
import { NoRule, UnwindTables } from "./unwind-tables.ts";
import { Unwinder } from "./unwinder.ts";

const withoutCompiler = !hasProgram("gcc", "--version");
const { defCfaExpression, defCfaOffset, expression, remember, recall } = Instruction;

/** Asks for rules all over the place, and follows a stack that goes through them. */
function useAll(tables: UnwindTables | undefined, addresses: readonly number[]): void {
  if (!tables) return;
  const rules = new RuleTable();
  for (const address of addresses) {
    const rule = tables.ruleAt(address, rules);
    expect(rule).toBeGreaterThanOrEqual(NoRule.Malformed);
    if (rule < 0) continue;
    const fields = rules.fields.subarray(rules.startOf(rule));
    expect(fields[RuleField.CFA_BASE]).toBeLessThan(17);
    expect(fields[RuleField.COUNT]).toBeLessThanOrEqual(17);
  }
  const unwinder = new Unwinder("x86_64");
  const stack = addresses.flatMap((address) => [address, 4096 + address * 8]);
  const words = new Uint32Array(BigUint64Array.from([...Array<number>(17).fill(4096), ...stack].map(BigInt)).buffer);
  words[32] = addresses[0]!;
  words[33] = 0;
  const code = { bias: 0, tables, keepsFramePointers: true };
  unwinder.unwind(
    { words, registersAt: 0, stackAt: 34, stackBytes: stack.length * 8, top: 0, isMainThread: true },
    { unwindCodeAt: () => code },
  );
  expect(unwinder.count).toBeGreaterThan(0);
  expect(unwinder.memoryBytes).toBeLessThan(2_000_000);
}

function ruleOf(program: readonly number[]): number {
  const tables = tablesWith(frameSection([{ start: 0x1000, bytes: 0x100, program }]))!;
  return tables.ruleAt(0x1080, new RuleTable());
}

test.skipIf(withoutCompiler)(
  "a library in which any byte of its unwind data is changed is answered",
  { timeout: 30_000 },
  () => {
    for (const options of [
      ["-shared", "-fPIC"],
      ["-shared", "-fPIC", "-Wl,--no-eh-frame-hdr"],
    ]) {
      const file = readFileSync(compileC(temporaryFolder(), "library", "-g0", "-fomit-frame-pointer", ...options));
      const elf = openElf(bytesSource(file)) as ElfFile;
      const code = elf.segments.find(({ type, executable }) => type === 1 && executable)!;
      const addresses = Array.from(
        { length: 24 },
        (_, at) => code.virtualAddress + Math.floor((at * code.memorySizeBytes) / 24),
      );
      for (const name of [".eh_frame_hdr", ".eh_frame"]) {
        const section = elf.section(name);
        if (!section) continue;
        const end = section.filePosition + Math.min(section.sizeBytes, 1500);
        for (let at = section.filePosition; at < end; at++) {
          const original = file[at]!;
          for (const value of [0, 0xff, original ^ 1, original ^ 0x80]) {
            file[at] = value;
            if (value !== original) useAll(UnwindTables.open(elf), addresses);
          }
          file[at] = original;
        }
      }
    }
  },
);

test("any bytes at all as unwind data are answered", () => {
  const addresses = [0x1000, 0x1001, 0x1080, 0x10ff, 0x1100, 0x8fff, 0];
  const bytes = fc.uint8Array({ maxLength: 400 });
  fc.assert(
    fc.property(bytes, (section) => useAll(tablesWith(section), addresses)),
    { numRuns: 2000 },
  );
});

test("any program of an entry is answered, and no expression runs for long", () => {
  const addresses = [0x1000, 0x1001, 0x1080, 0x10ff];
  const operations = fc.array(fc.oneof(fc.nat(255), fc.constantFrom(0x06, 0x12, 0x22, 0x77, 0x80, 0x28, 0x2f)), {
    maxLength: 40,
  });
  const program = fc.oneof(
    fc.array(fc.nat(255), { maxLength: 60 }),
    operations.map((content) => defCfaExpression(...content)),
    operations.map((content) => expression(6, ...content)),
  );
  fc.assert(
    fc.property(program, (content) => {
      useAll(tablesWith(frameSection([{ start: 0x1000, bytes: 0x100, program: content }])), addresses);
    }),
    { numRuns: 3000 },
  );
});

test("an expression that branches backwards is refused, not followed", () => {
  expect(ruleOf(defCfaExpression(0x77, 8, 0x2f, 0xfb, 0xff))).toBe(NoRule.Malformed);
  expect(ruleOf(defCfaExpression(0x77, 8, 0x31, 0x28, 0xf8, 0xff))).toBe(NoRule.Malformed);
});

test("states that are remembered without end, or taken back without one, are refused", () => {
  expect(ruleOf(Array.from({ length: 10_000 }, () => [...remember]).flat())).toBe(NoRule.Malformed);
  expect(ruleOf([...recall])).toBe(NoRule.Malformed);
});

test("numbers that no integer can hold are refused", () => {
  const huge = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
  expect(ruleOf([0x0e, ...huge])).toBe(NoRule.Malformed);
  expect(ruleOf([0x0e, 0xff, 0xff, 0xff, 0xff, 0x7f])).toBe(NoRule.Malformed);
  expect(ruleOf(defCfaExpression(0x77, ...huge))).toBe(NoRule.Malformed);
});

test("entries that overlap are each asked for what they cover", () => {
  const section = frameSection([
    { start: 0x1000, bytes: 0x100, program: defCfaOffset(16) },
    { start: 0x1040, bytes: 0x10, program: defCfaOffset(32) },
    { start: 0x1040, bytes: 0x20, program: defCfaOffset(48) },
  ]);
  const tables = tablesWith(section)!;
  const rules = new RuleTable();
  for (const address of [0x1000, 0x1048, 0x1058, 0x10f0]) {
    const rule = tables.ruleAt(address, rules);
    if (rule < 0) continue;
    const offset = rules.fields[rules.startOf(rule) + RuleField.CFA_OFFSET];
    expect(address < 0x1040 ? [16] : [32, 48]).toContain(offset);
  }
});

test("lengths of 2^60 and entries that refer to themselves end the table", () => {
  const section = frameSection([{ start: 0x1000, bytes: 0x100, program: [] }]);
  const view = new DataView(section.buffer);
  for (const [at, value] of [
    [0, 0xffff_ffff],
    [0, 0xffff_fff0],
    [4, 4],
    [24, 0xffff_ffff],
    [28, 0],
    [28, 4],
  ] as const) {
    const original = view.getUint32(at, true);
    view.setUint32(at, value, true);
    useAll(tablesWith(section), [0x1000, 0x1080]);
    view.setUint32(at, original, true);
  }
  const tables = tablesWith(section)!;
  expect(tables.ruleAt(0x1080, new RuleTable())).toBeGreaterThanOrEqual(0);
});

test("no rule is longer than a rule can be, and values in memory keep both offsets", () => {
  const registers = Array.from({ length: 17 }, (_, register) => expression(register, 0x77, 8, 0x06, 0x23, 16)).flat();
  const tables = tablesWith(frameSection([{ start: 0x1000, bytes: 0x100, program: registers }]))!;
  const rules = new RuleTable();
  const start = rules.startOf(tables.ruleAt(0x1080, rules));
  expect(rules.fields[start + RuleField.COUNT]).toBe(17);
  expect([...rules.fields.subarray(start + RuleField.FIRST, start + RuleField.FIRST + 5)]).toEqual([
    0,
    4 + ValueForm.Memory,
    7,
    8,
    16,
  ]);
  expect(RuleField.FIRST + 17 * 5).toBeLessThan(MAX_RULE_FIELDS);
});
