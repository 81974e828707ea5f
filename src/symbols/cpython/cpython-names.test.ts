import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CPythonNames } from "./cpython-names.ts";
import { type CPythonOffsets, OFFSETS_3_11, OFFSETS_3_12 } from "./offsets.ts";
import { IMAGE_START, ObjectImage } from "./testing/object-image.ts";

/** One instruction in the first line, then two in the one after next. */
const LINES = Uint8Array.of(0x80, 0, 0xe1, 0, 0);

function rig(offsets: CPythonOffsets, name = "Shop.sell", file = "/srv/shop.py") {
  const image = new ObjectImage(offsets);
  const code = image.code(name, file, 10, LINES);
  const names = new CPythonNames(image, offsets, image.types);
  const frame = (instruction = 0) =>
    names.frame(code, image.printOf(code), code + offsets.codeInstructions + instruction);
  return { image, code, names, frame, print: image.printOf(code) };
}

describe.each([
  ["3.11", OFFSETS_3_11],
  ["3.12", OFFSETS_3_12],
] as const)("%s", (_, offsets) => {
  test("a frame has its qualified name, file, first line and the line of its instruction", () => {
    const { frame } = rig(offsets);
    expect(frame(0)).toEqual({ functionName: "Shop.sell", fileName: "/srv/shop.py", line: 10, startLine: 10 });
    expect(frame(2)?.line).toBe(12);
    expect(frame(-2)?.line).toBe(10);
    expect(frame(400)?.line).toBe(0);
  });

  test("names may be of any script", () => {
    for (const name of ["Straße", "функция", "関数", "𝒇.<locals>.<lambda>", "x".repeat(500)]) {
      expect(rig(offsets, name, `/tmp/${name}.py`).frame()?.functionName).toBe(name);
    }
  });

  test("names that never end are cut off", () => {
    expect(rig(offsets, "n".repeat(3000)).frame()?.functionName).toBe("n".repeat(512));
  });

  test("what has control characters is no name", () => {
    expect(rig(offsets, "sell\0\0\u0001").frame()).toBeUndefined();
    expect(rig(offsets, "\u001b[31msell").frame()).toBeUndefined();
  });

  test("another code object in the place of the one that ran isn't taken for it, nor what isn't code", () => {
    const { image, code, names, print } = rig(offsets);
    expect(names.frame(code, print ^ 1, code)).toBeUndefined();
    expect(names.counters.replaced).toBe(1);
    image.word(code + offsets.objectType, image.types.string);
    expect(names.frame(code, print, code)?.functionName).toBeUndefined();
    expect(names.counters.wrongType).toBe(1);
  });

  test("what was freed since the sample is still known from before, for two flushes", () => {
    const { image, code, names, print, frame } = rig(offsets);
    expect(frame()?.functionName).toBe("Shop.sell");
    // As the interpreter does when it ends.
    image.word(code + offsets.objectType, image.types.string);
    for (let flush = 0; flush < 2; flush++) {
      names.endFlush();
      expect(names.frame(code, print, code)?.functionName).toBe("Shop.sell");
    }
    names.endFlush();
    expect(names.frame(code, print, code)).toBeUndefined();
  });

  test("what has taken the place of a known one is told by its print from it, whichever way they are asked for", () => {
    const { image, code, names, print } = rig(offsets);
    names.frame(code, print, code);
    image.word(code + offsets.codeName, image.text("another"));
    image.word(code + offsets.codeQualifiedName, image.text("Shop.another"));
    names.endFlush();
    expect(names.frame(code, print, code)?.functionName).toBe("Shop.sell");
    expect(names.frame(code, image.printOf(code), code)?.functionName).toBe("Shop.another");
    expect(names.frame(code, print, code)).toBeUndefined();
    expect(names.counters.replaced).toBe(2);
  });

  test("what is known is looked at again after a flush, and believed of a process that has ended", () => {
    const { image, code, names, print, frame } = rig(offsets);
    expect(frame()?.functionName).toBe("Shop.sell");
    image.word(code + offsets.codeQualifiedName, image.text("Shop.buy"));
    expect(frame()?.functionName).toBe("Shop.sell");
    names.endFlush();
    expect(frame()?.functionName).toBe("Shop.buy");
    names.endFlush();
    image.read = () => 0;
    expect(names.frame(code, print, code)?.functionName).toBe("Shop.buy");
    expect(names.frame(code + 16, print, code)).toBeUndefined();
  });
});

test("whatever stands in memory, a frame has a text or none", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(1200), fc.nat(255)), { minLength: 1, maxLength: 12 }),
      fc.constantFrom(OFFSETS_3_11, OFFSETS_3_12),
      (changes, offsets) => {
        const { image, code, names } = rig(offsets);
        for (const [at, byte] of changes) image.bytes[at] = byte;
        let print = 0;
        try {
          print = image.printOf(code);
        } catch {
          // The name's pointer leads out of the image.
        }
        const frame = names.frame(code, print, IMAGE_START);
        if (frame) {
          expect(frame.functionName.length).toBeLessThanOrEqual(1024);
          expect(frame.line).toBeGreaterThanOrEqual(0);
          expect(frame.startLine).toBeGreaterThanOrEqual(0);
        }
      },
    ),
    { numRuns: 2000 },
  );
});

test("memory stays bounded however many functions a program makes", () => {
  const image = new ObjectImage(OFFSETS_3_12);
  const code = image.code("f", "f.py", 1, new Uint8Array(2000).fill(0x80));
  const print = image.printOf(code);
  // Each address is another function with the same content.
  const shifted = {
    read: (target: Uint8Array, at: number) => image.read(target, IMAGE_START + ((at - IMAGE_START) % 65_536)),
  };
  const names = new CPythonNames(shifted, OFFSETS_3_12, image.types);
  for (let copy = 0; copy < 10_000; copy++) names.frame(code + copy * 65_536, print, code);
  expect(names.memoryBytes).toBeLessThan(9 << 20);
  expect(names.frame(code, print, code)?.functionName).toBe("f");
});
