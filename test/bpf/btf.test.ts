import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BtfError, readBtf, type BtfQuery } from "#linux";
import { hasProgram } from "../has-program.ts";

/** Everything that members can be: named, in anonymous parts, behind typedefs and qualifiers, bit fields. */
const SOURCE = `
#include <stddef.h>
enum controller { cpu_id, memory_id = 7, negative_id = -3 };
enum other { memory_other = 9 };
typedef struct inner { int pad; long value; } inner_t;
struct whole {
  char first;
  union { long shared; struct { int low; const volatile inner_t deep; } parts; struct { int x; short hidden; }; };
  unsigned flag : 3, other_flag : 5;
  inner_t named[2];
  struct inner one;
  struct { struct { char skip; double far; }; };
  enum controller controller;
};
struct whole kept;
enum other kept_too;
void (*function)(int, struct whole *) = 0;
`;

const QUERY: BtfQuery = {
  members: {
    whole: [
      "first",
      "shared",
      "parts",
      "parts.deep.value",
      "hidden",
      "named",
      "one.value",
      "far",
      "controller",
      "absent",
    ],
    inner: ["value"],
    nowhere: ["value"],
  },
  sizes: ["whole", "inner", "nowhere"],
  enums: { controller: ["memory_id", "negative_id", "absent"], other: ["memory_other", "memory_id"] },
};
const EXPRESSIONS = QUERY.members["whole"]!.filter((path) => path !== "absent");

const hasCompilers =
  hasProgram("clang", "--version") && hasProgram("gcc", "--version") && hasProgram("llvm-objcopy", "--version");

let folder: string;
let file: string;
beforeAll(() => {
  if (!hasCompilers) return;
  folder = mkdtempSync(join(tmpdir(), "podflame-btf-"));
  file = join(folder, "types.btf");
  writeFileSync(join(folder, "types.c"), SOURCE);
  execFileSync("clang", ["-target", "bpf", "-g", "-c", "types.c", "-o", "types.o"], { cwd: folder });
  execFileSync("llvm-objcopy", ["--dump-section", `.BTF=${file}`, "types.o"], { cwd: folder });
});
afterAll(() => hasCompilers && rmSync(folder, { recursive: true }));

describe.skipIf(!hasCompilers)("readBtf", () => {
  test("finds the offsets and sizes that the compiler knows, and nothing where there is nothing", () => {
    const prints = [
      ...EXPRESSIONS.map((path) => `printf("whole.${path} %zu\\n", offsetof(struct whole, ${path}));`),
      'printf("inner.value %zu\\nsize.whole %zu\\nsize.inner %zu\\n", offsetof(struct inner, value), sizeof(struct whole), sizeof(struct inner));',
    ];
    writeFileSync(join(folder, "print.c"), `#include <stdio.h>\n${SOURCE}\nint main(void) { ${prints.join("\n")} }`);
    execFileSync("gcc", ["print.c", "-o", "print"], { cwd: folder });
    const printed = execFileSync(join(folder, "print"), { encoding: "latin1" });
    const truth = new Map([...printed.matchAll(/^(\S+) (\d+)$/gm)].map(([, name, value]) => [name!, Number(value)]));

    const answer = readBtf(file, QUERY);
    const found = new Map([
      ...answer.members,
      ...[...answer.sizes].map(([name, size]) => [`size.${name}`, size] as const),
    ]);
    expect(found).toEqual(truth);
    expect(answer.enums).toEqual(
      new Map([
        ["controller.memory_id", 7],
        ["controller.negative_id", -3],
        ["other.memory_other", 9],
      ]),
    );
  });

  test("of a damaged file answers or refuses, and ends", () => {
    const good = readFileSync(file);
    const damaged = join(folder, "damaged.btf");
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { maxLength: 8 }),
        fc.option(fc.nat(good.length)),
        (changes, cut) => {
          const bytes = Uint8Array.from(cut === null ? good : good.subarray(0, cut));
          for (const [at, byte] of changes) if (at < bytes.length) bytes[at] = byte;
          writeFileSync(damaged, bytes);
          try {
            readBtf(damaged, QUERY);
          } catch (error) {
            expect(error).toBeInstanceOf(BtfError);
          }
        },
      ),
      { numRuns: 200 },
    );
  });
});
