/** Rules are what readelf says of the same rows, in libraries that others built. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { hasProgram } from "../../../test/has-program.ts";
import { bytesSource } from "../byte-source.ts";
import { ElfFile, openElf } from "../elf/elf-file.ts";
import { compileC, LIBC, libraryPath, temporaryFolder } from "../testing/programs.ts";
import { Restore, RESTORE_FIELDS, RuleField, RuleFlag, RuleTable, ValueForm } from "./unwind-rule.ts";
import { NoRule, UnwindTables } from "./unwind-tables.ts";

const withoutReadelf = process.arch !== "x64" || !hasProgram("readelf", "--version");
const withoutCompiler = withoutReadelf || !hasProgram("g++", "--version");

/** readelf's names of the registers that functions save, by their numbers. */
const NAMES = ["rax", "rdx", "rcx", "rbx", "rsi", "rdi", "rbp", "rsp"];
const nameOf = (register: number): string => NAMES[register] ?? (register === 16 ? "ra" : `r${register}`);

interface Row {
  readonly address: number;
  /** By column: `CFA`, `rbx`, …, `ra`. */
  readonly columns: Readonly<Record<string, string>>;
}

/** All rows of all functions. */
function rowsOf(path: string): readonly Row[] {
  const rows: Row[] = [];
  let names: readonly string[] = [];
  // Its exit code also tells that a debug file is missing.
  const { stdout } = spawnSync("readelf", ["--debug-dump=frames-interp", path], {
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  for (const line of stdout.split("\n")) {
    if (line.includes(" CIE ")) names = [];
    if (/^[0-9a-f]+ .* FDE /.test(line)) names = [];
    if (/^ +LOC/.test(line)) names = line.trim().split(/\s+/).slice(1);
    const [, address, rest] = /^([0-9a-f]{16}) (.*)$/.exec(line) ?? [];
    if (address === undefined || names.length === 0 || / CIE | FDE |ZERO/.test(line)) continue;
    // Registers have two names, of which the second stands in brackets.
    const values = rest!
      .trim()
      .replace(/ \(\w+\)/g, "")
      .split(/\s+/);
    rows.push({
      address: parseInt(address, 16),
      columns: Object.fromEntries(names.map((name, at) => [name, values[at]!])),
    });
  }
  return rows;
}

/** A rule in readelf's words; what it prints as `exp` is left to others. */
function wordsOf(rules: RuleTable, rule: number): Readonly<Record<string, string>> {
  const { fields } = rules;
  const start = rules.startOf(rule);
  const signed = (offset: number): string => (offset < 0 ? `${offset}` : `+${offset}`);
  const plain = fields[start + RuleField.CFA_FORM] === ValueForm.Register;
  const base = nameOf(fields[start + RuleField.CFA_BASE]!);
  const words: Record<string, string> = {
    CFA: plain ? `${base}${signed(fields[start + RuleField.CFA_OFFSET]!)}` : "exp",
  };
  for (let left = fields[start + RuleField.COUNT]!, at = start + RuleField.FIRST; left > 0; left--) {
    const how = fields[at + 1]!;
    const name = nameOf(fields[at]!);
    if (how === Restore.AtCfa) words[name] = `c${signed(fields[at + 3]!)}`;
    else if (how === Restore.Value + ValueForm.Register && fields[at + 3] === 0) words[name] = `r${fields[at + 2]}`;
    else if (how !== Restore.Unknown) words[name] = "exp";
    at += RESTORE_FIELDS;
  }
  if ((fields[start + RuleField.FLAGS]! & RuleFlag.Root) !== 0) words["ra"] = "u";
  return words;
}

function tablesOf(path: string): UnwindTables {
  const elf = openElf(bytesSource(readFileSync(path)));
  if (!(elf instanceof ElfFile)) throw new Error(`${path}: ${elf.detail}`);
  const tables = UnwindTables.open(elf);
  if (!tables) throw new Error(`${path} has no unwind data`);
  return tables;
}

function differences(path: string): { readonly rows: number; readonly different: readonly string[] } {
  const tables = tablesOf(path);
  const rules = new RuleTable();
  const different: string[] = [];
  // The first entry is the common one, whose row is at address 0.
  const rows = rowsOf(path).filter(({ address }) => address !== 0);
  for (const [index, { address, columns }] of rows.entries()) {
    // Of two rows for one address the later holds.
    if (rows[index + 1]?.address === address) continue;
    if (rules.isFull) rules.clear();
    const rule = tables.ruleAt(address, rules);
    const ours = rule < 0 ? {} : wordsOf(rules, rule);
    // A procedure linkage stub's address is calculated by an expression, and plain once that is done.
    if (columns["CFA"] === "exp" && ours["CFA"]?.startsWith("rsp+") === true) continue;
    const same = Object.entries(columns).every(
      ([name, value]) => (value === "u" && name !== "ra") || ours[name] === value,
    );
    if (!same) different.push(`${address.toString(16)}: ${JSON.stringify(columns)} isn't ${JSON.stringify(ours)}`);
  }
  return { rows: rows.length, different };
}

describe.skipIf(withoutReadelf)("rules are those of readelf", () => {
  test("in the C library of this machine, row by row", () => {
    const { rows, different } = differences(LIBC);
    expect(rows).toBeGreaterThan(10_000);
    expect(different).toEqual([]);
  });

  test.skipIf(withoutCompiler)("in libstdc++, and in libgcc which unwinds for it", () => {
    for (const name of ["libstdc++.so.6", "libgcc_s.so.1"]) {
      const { rows, different } = differences(libraryPath(name));
      expect(rows).toBeGreaterThan(1000);
      expect(different).toEqual([]);
    }
  });

  test.skipIf(withoutCompiler)("in a statically linked program, which has no table to search in", () => {
    const path = compileC(temporaryFolder(), "static", "-static", "-fomit-frame-pointer");
    const { rows, different } = differences(path);
    expect(rows).toBeGreaterThan(1000);
    expect(different).toEqual([]);
    expect(tablesOf(path).memoryBytes / tablesOf(path).functions).toBeLessThanOrEqual(8);
  });
});

test.skipIf(withoutCompiler)("the frame of a linkage stub depends on where in the stub the instruction is", () => {
  const path = compileC(temporaryFolder(), "lazy", "-Wl,-z,lazy", "-fcf-protection=none");
  const elf = openElf(bytesSource(readFileSync(path))) as ElfFile;
  const plt = elf.section(".plt")!;
  const tables = tablesOf(path);
  const rules = new RuleTable();
  const frameAt = (address: number): string | undefined => {
    const rule = tables.ruleAt(address, rules);
    return rule < 0 ? undefined : wordsOf(rules, rule)["CFA"];
  };
  const stub = plt.virtualAddress + 16;
  // jmp (6 bytes), push (5 bytes): behind it one word more is on the stack.
  expect([0, 6, 11].map((within) => frameAt(stub + within))).toEqual(["rsp+8", "rsp+8", "rsp+16"]);
});

test.skipIf(withoutReadelf)("a linker's table is not kept: a function costs a tenth of a byte", () => {
  const tables = tablesOf(process.execPath);
  expect(tables.functions).toBeGreaterThan(10_000);
  expect(tables.memoryBytes / tables.functions).toBeLessThan(0.1);
});

test.skipIf(withoutReadelf)("addresses between functions and outside of the file have no rule", () => {
  const tables = tablesOf(LIBC);
  const rules = new RuleTable();
  for (const address of [0, 1, -5, 2 ** 40, 2 ** 52, NaN]) expect(tables.ruleAt(address, rules)).toBe(NoRule.Missing);
  expect(rules.size).toBe(0);
});
