import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { elfAt } from "../testing/programs.ts";
import { Heap } from "./heap.ts";
import { readV8Layout, type V8Layout } from "./layout.ts";
import { SourceLines } from "./source-lines.ts";
import { readString } from "./strings.ts";
import { HeapImage } from "./testing/heap-image.ts";

let read: V8Layout | undefined;

function layoutHere(): V8Layout {
  if (read) return read;
  const layout = readV8Layout(elfAt(process.execPath));
  if (!("types" in layout)) throw new Error(layout.detail);
  return (read = layout);
}

function heapWith<T>(build: (image: HeapImage, layout: V8Layout) => T): { heap: Heap; built: T } {
  const layout = layoutHere();
  const image = new HeapImage(layout);
  const built = build(image, layout);
  return { heap: new Heap(image, layout), built };
}

function joined(image: HeapImage, { string }: V8Layout, first: number, second: number, length: number): number {
  const address = image.object(string.consTag | string.oneByteTag, 32);
  image.setUint32(address, string.length, length);
  image.setPointer(address, string.first, first);
  image.setPointer(address, string.second, second);
  return address;
}

describe("strings", () => {
  test("of one and of two bytes a character", () => {
    const { heap, built } = heapWith((image) => [image.flat("grüße", "latin1"), image.flat("日本 ünï", "utf16le")]);
    expect(built.map((address) => readString(heap, address, 100))).toEqual(["grüße", "日本 ünï"]);
    expect(readString(heap, built[1]!, 2)).toBe("日本");
  });

  test("joined, sliced, replaced and external ones are put together", () => {
    const { heap, built } = heapWith((image, layout) => {
      const { string } = layout;
      const hello = image.flat("hello, ", "latin1");
      const parent = image.flat("the whole world", "latin1");
      const slice = image.object(string.slicedTag | string.oneByteTag, 32);
      image.setUint32(slice, string.length, 5);
      image.setPointer(slice, string.parent, parent);
      image.setSmallInteger(slice, string.parentOffset, 10);
      const thin = image.object(string.thinTag | string.oneByteTag, 24);
      image.setUint32(thin, string.length, 7);
      image.setPointer(thin, string.actual, hello);
      const external = image.object(string.externalTag | string.oneByteTag, 32);
      image.setUint32(external, string.length, 3);
      image.setAddress(external, string.resource + 8, image.bytes(Buffer.from("!?.")));
      return joined(image, layout, joined(image, layout, thin, slice, 12), external, 15);
    });
    expect(readString(heap, built, 100)).toBe("hello, world!?.");
    expect(readString(heap, built, 9)).toBe("hello, wo");
  });

  test("that contain themselves are no text", () => {
    const { heap, built } = heapWith((image, layout) => {
      const cycle = joined(image, layout, image.flat("a", "latin1"), 0x100, 2);
      image.setPointer(cycle, layout.string.second, cycle);
      return cycle;
    });
    expect(readString(heap, built, 100)).toBeUndefined();
  });

  test("that are something else are counted", () => {
    const { heap, built } = heapWith((image, layout) => image.object(layout.types.script, 64));
    expect(readString(heap, built, 100)).toBeUndefined();
    expect(heap.faults.wrongType).toBe(1);
  });
});

describe("lines of a source", () => {
  const text = fc
    .array(fc.constantFrom("\n", "\r", "\r\n", "x", "some words", "ü", "\n\n", "y".repeat(1000)), {
      minLength: 1,
      maxLength: 60,
    })
    .map((parts) => parts.join(""));
  const positions = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 12 });

  test.for(["latin1", "utf16le"] as const)("are those that a split finds, in any order (%s)", (encoding) => {
    fc.assert(
      fc.property(text, positions, (source, shares) => {
        const { heap, built } = heapWith((image) => image.flat(source, encoding));
        const lines = new SourceLines();
        for (const share of shares) {
          const position = Math.floor(share * source.length);
          // A carriage return and the line feed behind it end one line, at the line feed.
          const ends = source.slice(0, position).replace(source[position] === "\n" ? /\r$/ : /$^/, "");
          expect(lines.lineAt(heap, built, position)).toBe(ends.split(/\r\n|\r|\n/).length - 1);
        }
      }),
      { numRuns: 60 },
    );
  });

  test("behind its end there are none", () => {
    const { heap, built } = heapWith((image) => image.flat("a\nb", "latin1"));
    expect(new SourceLines().lineAt(heap, built, 4)).toBeUndefined();
    expect(new SourceLines().lineAt(heap, built, -1)).toBeUndefined();
    expect(heap.faults.implausible).toBe(2);
  });
});
