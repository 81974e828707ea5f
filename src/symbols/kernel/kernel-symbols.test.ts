import { closeSync, openSync, readFileSync, readSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ManualClock } from "#telemetry";
import { type KernelList, KernelSymbols } from "./kernel-symbols.ts";

/** A list in memory that is handed out like the kernel's, a page a call. */
function listOf(text: string): () => KernelList {
  return () => {
    const bytes = Buffer.from(text);
    let at = 0;
    return {
      read(target) {
        const piece = bytes.subarray(at, at + Math.min(4096, target.length));
        target.set(piece);
        at += piece.length;
        return piece.length;
      },
      close() {},
    };
  };
}

async function loaded(text: string): Promise<KernelSymbols> {
  const symbols = new KernelSymbols(listOf(text), new ManualClock());
  await symbols.load();
  return symbols;
}

const SMALL = `ffffffff81000000 T _stext
ffffffff81000000 T _text
ffffffff81000000 T startup_64
ffffffff81000040 t __pfx_schedule
ffffffff81000050 T schedule
ffffffff81000100 W __weak_one
ffffffff81000200 D data_is_no_code
ffffffff81200000 T _etext
ffffffffc0201000 t ftrace_trampoline\t[__builtin__ftrace]
ffffffffc0300000 t nft_do_chain\t[nf_tables]
ffffffffc0400000 t bpf_prog_6deef7357e7b4530_sd_fw_egress\t[bpf]
`;
const HIGH = 0xffffffff;

describe("a list", () => {
  test("names functions, with their modules", async () => {
    const symbols = await loaded(SMALL);
    expect(symbols.find(HIGH, 0x81000050)).toEqual({ name: "schedule", module: undefined });
    expect(symbols.find(HIGH, 0x810000ff)).toEqual({ name: "schedule", module: undefined });
    expect(symbols.find(HIGH, 0xc0300010)).toEqual({ name: "nft_do_chain", module: "nf_tables" });
    expect(symbols.find(HIGH, 0xc0400000)).toEqual({ name: "bpf_prog_6deef7357e7b4530_sd_fw_egress", module: "bpf" });
    expect(symbols.symbolCount).toBe(9);
  });

  test("gives of several names the one that people know, and none to padding and data", async () => {
    const symbols = await loaded(SMALL);
    expect(symbols.find(HIGH, 0x81000000)?.name).toBe("startup_64");
    expect(symbols.find(HIGH, 0x81000048)?.name).toBe("startup_64");
    expect(symbols.find(HIGH, 0x81000204)?.name).toBe("__weak_one");
  });

  test("names nothing where it ends, between modules, below it and in user space", async () => {
    const symbols = await loaded(SMALL);
    expect(symbols.find(HIGH, 0x81200010)).toBeUndefined();
    expect(symbols.find(HIGH, 0xc0310001)).toBeUndefined();
    expect(symbols.find(HIGH, 0x80ffffff)).toBeUndefined();
    expect(symbols.find(0x7fff, 0x81000050)).toBeUndefined();
  });

  test("may spread over more than 4 GiB, as on arm64", async () => {
    const symbols = await loaded(
      "ffff800080010000 T primary_entry\nffff80007a000000 t helper\t[mod]\nffffa00000000010 t far\t[bpf]\n",
    );
    expect(symbols.find(0xffff8000, 0x80010004)?.name).toBe("primary_entry");
    expect(symbols.find(0xffff8000, 0x7a000004)?.module).toBe("mod");
    expect(symbols.find(0xffffa000, 0x18)?.name).toBe("far");
    expect(symbols.find(0xffffa000, 0xf)).toBeUndefined();
  });

  test("is read over any borders of its pieces, and lines that are none are passed over", () => {
    const junk = fc.constantFrom(
      "",
      "x",
      "ffffffff8100zz00 T broken",
      "ffffffff81000000",
      `ffffffff81000000 T ${"n".repeat(9000)}`,
    );
    return fc.assert(
      fc.asyncProperty(fc.array(junk, { maxLength: 5 }), fc.integer({ min: 1, max: 5000 }), async (lines, piece) => {
        const text = `${lines.join("\n")}\n${SMALL}`;
        const bytes = Buffer.from(text);
        const open = (): KernelList => {
          let at = 0;
          return {
            read(target) {
              const part = bytes.subarray(at, at + Math.min(piece, target.length));
              target.set(part);
              at += part.length;
              return part.length;
            },
            close() {},
          };
        };
        const symbols = new KernelSymbols(open, new ManualClock());
        await symbols.load();
        expect(symbols.find(HIGH, 0x81000060)?.name).toBe("schedule");
      }),
      { numRuns: 50 },
    );
  });

  test("that the kernel hides says what to do", async () => {
    const symbols = await loaded(SMALL.replaceAll(/^[0-9a-f]+/gm, "0000000000000000"));
    expect(symbols.find(HIGH, 0x81000050)).toBeUndefined();
    expect(symbols.problem?.detail).toContain("kernel.kptr_restrict");
  });

  test("that can't be read, or is empty, is a problem and no exception", async () => {
    const missing = new KernelSymbols(() => undefined, new ManualClock());
    await missing.load();
    expect(missing.problem?.detail).toBe("/proc/kallsyms can't be read: it can't be opened");
    expect((await loaded("")).problem?.kind).toBe("corrupt");
    const failing = new KernelSymbols(
      () => ({
        read: () => {
          throw new Error("EIO");
        },
        close() {},
      }),
      new ManualClock(),
    );
    await failing.load();
    expect(failing.problem?.detail).toContain("EIO");
  });
});

describe("the list is read again", () => {
  function counting(texts: readonly string[]): { symbols: KernelSymbols; clock: ManualClock; reads: () => number } {
    const clock = new ManualClock();
    let reads = 0;
    const symbols = new KernelSymbols(() => listOf(texts[Math.min(reads++, texts.length - 1)]!)(), clock);
    return { symbols, clock, reads: () => reads };
  }
  const LATER = `${SMALL}ffffffffc0500000 t fresh\t[new_module]\n`;

  test("when an address has no name, a minute later", async () => {
    const { symbols, clock, reads } = counting([SMALL, LATER]);
    await symbols.load();
    expect(symbols.find(HIGH, 0xc0500004)).toBeUndefined();
    await clock.advance(59_000);
    await symbols.load();
    expect(reads()).toBe(1);
    await clock.advance(2_000);
    await symbols.load();
    expect(reads()).toBe(2);
    expect(symbols.find(HIGH, 0xc0500004)?.module).toBe("new_module");
  });

  test("ever more rarely if that doesn't help", async () => {
    const { symbols, clock, reads } = counting([SMALL]);
    for (let minute = 0; minute < 24 * 60; minute++) {
      await symbols.load();
      symbols.find(HIGH, 0xd0000000);
      await clock.advance(60_000);
    }
    expect(reads()).toBeGreaterThan(20);
    expect(reads()).toBeLessThan(35);
  });

  test("after ten minutes when BPF programs were met, for they come and go", async () => {
    const { symbols, clock, reads } = counting([SMALL, LATER]);
    await symbols.load();
    symbols.find(HIGH, 0xc0400010);
    await clock.advance(599_000);
    await symbols.load();
    expect(reads()).toBe(1);
    await clock.advance(2_000);
    await symbols.load();
    expect(reads()).toBe(2);
  });

  test("not at all without a reason, and once for all who wait", async () => {
    const { symbols, clock, reads } = counting([SMALL]);
    await Promise.all([symbols.load(), symbols.load()]);
    symbols.find(HIGH, 0x81000050);
    await clock.advance(86_400_000);
    await symbols.load();
    expect(reads()).toBe(1);
  });

  test("and what was known stays known when that fails", async () => {
    const { symbols, clock } = counting([SMALL, ""]);
    await symbols.load();
    symbols.find(HIGH, 0xd0000000);
    await clock.advance(61_000);
    await symbols.load();
    expect(symbols.find(HIGH, 0x81000050)?.name).toBe("schedule");
  });
});

const isHidden = /^0{16} /.test(readFileSync("/proc/kallsyms", "latin1").slice(0, 100));

test.skipIf(isHidden)("every function of this kernel is named, for little memory", async () => {
  const fd = openSync("/proc/kallsyms", "r");
  const open = (): KernelList => ({
    read: (target) => readSync(fd, target, 0, target.length, null),
    close: () => closeSync(fd),
  });
  const symbols = new KernelSymbols(open, new ManualClock());
  await symbols.load();
  expect(symbols.problem).toBeUndefined();
  const lines = readFileSync("/proc/kallsyms", "latin1").matchAll(/^([0-9a-f]{8})([0-9a-f]{8}) [tTwW] (\S+)/gm);
  const names = Map.groupBy(lines, ([, high, low]) => `${high}${low}`);
  let checked = 0;
  for (const [address, functions] of names) {
    const known = functions.map(([, , , name = ""]) => name).filter((name) => !name.startsWith("__pfx_"));
    if (known.length === 0 || known.includes("_etext") || known.includes("_einittext")) continue;
    const found = symbols.find(parseInt(address.slice(0, 8), 16), parseInt(address.slice(8), 16))?.name;
    if (!known.includes(found ?? "")) expect([address, found]).toEqual([address, known]);
    checked++;
  }
  expect(checked).toBeGreaterThan(10_000);
  expect(symbols.memoryBytes / symbols.symbolCount).toBeLessThan(40);
});
