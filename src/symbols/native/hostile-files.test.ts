import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hasProgram } from "../../../test/has-program.ts";
import { type ByteSource, bytesSource } from "../byte-source.ts";
import { ElfFile, openElf } from "../elf/elf-file.ts";
import { elfImage, libraryWith } from "../testing/elf-image.ts";
import { compileC, run, temporaryFolder } from "../testing/programs.ts";
import { openNativeSymbols } from "./native-symbols.ts";
import { decompressXz } from "./xz.ts";

const withoutTools = !(hasProgram("gcc", "--version") && hasProgram("objcopy", "--version"));
const withoutLlvm = !hasProgram("llvm-objcopy", "--version");
const withoutXz = !hasProgram("xz", "--version");

/** Does with a file all that can be done; whatever it says, it must end and give no more than the file can hold. */
async function useAll(source: ByteSource): Promise<void> {
  const elf = openElf(source);
  if (!(elf instanceof ElfFile)) return;
  const text = elf.section(".text");
  const addresses = [elf.entryAddress, 0, 2 ** 52, text?.virtualAddress ?? 0, 0x1024, 0x1034, 0x1149, 0x1160];
  elf.symbolTable("dynamic")?.withPrefix("write", 10);
  for (const address of addresses) {
    elf.toFilePosition(address);
    elf.toVirtualAddress(address);
  }
  const symbols = await openNativeSymbols(elf);
  expect(symbols.memoryBytes).toBeLessThan(source.sizeBytes * 2 + 1000);
  for (const address of addresses) symbols.find(address);
}

describe.skipIf(withoutTools)("a program in which any byte is changed is answered", () => {
  test.for(["with everything", "stripped", "without sections"])("%s", { timeout: 30_000 }, async (variant) => {
    if (variant === "without sections" && withoutLlvm) return;
    const path = compileC(temporaryFolder(), "program", "-g0", "-Wl,-z,noseparate-code", "-Wl,--hash-style=gnu");
    if (variant === "stripped") run("strip", "--strip-all", path);
    if (variant === "without sections") run("llvm-objcopy", "--strip-sections", path);
    const file = readFileSync(path);
    const elf = openElf(bytesSource(file)) as ElfFile;
    // Code and data aren't read; all else is, from the header to the sections' headers.
    const isRead = (at: number): boolean => !/^\.(text|rodata|data|eh_frame|comment)/.test(sectionAt(elf, at));
    for (let at = 0; at < file.length; at++) {
      if (!isRead(at) || (at > 4096 && at % 3 !== 0 && file[at] === 0)) continue;
      const original = file[at]!;
      for (const value of [0, 0xff, original ^ 1, original ^ 0x80]) {
        file[at] = value;
        if (value !== original && (at < 1024 || (at + value) % 4 === 0)) await useAll(bytesSource(file));
      }
      file[at] = original;
    }
  });
});

function sectionAt(elf: ElfFile, position: number): string {
  const holds = (section: ElfFile["sections"][number]): boolean =>
    position >= section.filePosition && position < section.filePosition + section.sizeBytes;
  return elf.sections.find(holds)?.name ?? "";
}

test.skipIf(withoutTools)("a program cut at any place is answered", async () => {
  const file = readFileSync(compileC(temporaryFolder(), "program", "-g0"));
  for (let length = 0; length < file.length; length += length < 1200 ? 7 : 97) {
    await useAll(bytesSource(file.subarray(0, length)));
    // Cut after it was opened: the size is what it was.
    await useAll({ ...bytesSource(file.subarray(0, length)), sizeBytes: file.length });
  }
});

test("fields of headers and symbols with any values are answered", async () => {
  const number = fc.oneof(
    fc.bigInt(0n, 2n ** 64n - 1n),
    fc.constantFrom(0n, 1n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 60n, 2n ** 63n, 2n ** 64n - 1n),
    fc.bigInt(0n, 8192n),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(fc.nat(1000), number), { minLength: 1, maxLength: 12 }), async (edits) => {
      const file = libraryWith(
        Array.from({ length: 12 }, (_, index) => ({
          name: `_ZN1a${index % 3}bEv`,
          address: 0x1100 + index * 8,
          size: 8,
        })),
        256,
      );
      for (const [place, value] of edits) file.writeBigUInt64LE(value, (place * 8) % (file.length - 8));
      await useAll(bytesSource(file));
    }),
    { numRuns: 3000 },
  );
});

test("tables that claim a sparse file of 10 GB end soon", async () => {
  const head = elfImage({
    segments: [
      { type: 1, flags: 5, offset: 0, address: 0, fileSize: 10 * 2 ** 30 },
      { type: 2, flags: 6, offset: 2 ** 20, address: 2 ** 20, fileSize: 9 * 2 ** 30 },
      { type: 4, flags: 4, offset: 2 ** 20, address: 2 ** 20, fileSize: 9 * 2 ** 30 },
    ],
    sections: [
      { name: ".symtab", type: 2, link: 2, claimedSize: 9n * 2n ** 30n },
      { name: ".strtab", type: 3, claimedSize: 9n * 2n ** 30n },
      { name: ".plt", type: 1, flags: 6, address: 0x1000, claimedSize: 4096n },
      ...Array.from({ length: 50 }, () => ({ name: ".rela", type: 4, claimedSize: 9n * 2n ** 30n })),
      { name: ".gnu_debugdata", type: 1, claimedSize: 9n * 2n ** 30n },
    ],
  });
  let bytesRead = 0;
  const source: ByteSource = {
    sizeBytes: 10 * 2 ** 30,
    read(target, at) {
      target.fill(0xff);
      bytesRead += target.length;
      if (at < head.length) target.set(head.subarray(at, at + target.length));
      return target.length;
    },
  };
  await useAll(source);
  expect(bytesRead).toBeLessThan(300 << 20);
});

describe.skipIf(withoutXz)("compressed symbols", () => {
  test("in which any byte is changed are answered", async () => {
    const path = join(temporaryFolder(), "text");
    run(
      "python3",
      "-c",
      "import sys; open(sys.argv[1], 'w').write(''.join(f'symbol_{i * i}\\n' for i in range(400)))",
      path,
    );
    const plain = readFileSync(path);
    run("xz", "--check=crc32", path);
    const packed = readFileSync(`${path}.xz`);
    expect(await decompressXz(packed)).toEqual(plain);
    for (let at = 0; at < packed.length; at += 3) {
      const changed = Buffer.from(packed);
      changed[at]! ^= 1 << (at % 8);
      const result = await decompressXz(changed);
      if (result !== undefined) expect(result.length).toBeLessThanOrEqual(plain.length);
    }
  });
});
