import fc from "fast-check";
import { expect, test } from "vitest";
import { bytesSource } from "../byte-source.ts";
import { PagedBytes } from "./paged-bytes.ts";

const content = Uint8Array.from({ length: 20_000 }, (_, index) => (index * 7919) % 251);
const view = new DataView(content.buffer);

test("numbers are those of the file, across blocks as well", () => {
  fc.assert(
    fc.property(fc.nat(9000), fc.nat(9000), (start, position) => {
      const paged = new PagedBytes(bytesSource(content), start, content.length - start);
      expect(paged.u8(position)).toBe(view.getUint8(start + position));
      expect(paged.u32(position)).toBe(view.getUint32(start + position, true));
      expect(paged.u64(position)).toBe(
        view.getUint32(start + position, true) + view.getUint32(start + position + 4, true) * 2 ** 32,
      );
    }),
  );
});

test("outside of the part there is nothing, even where the file goes on", () => {
  const paged = new PagedBytes(bytesSource(content), 100, 50);
  expect([paged.u8(-1), paged.u8(50), paged.u32(47), paged.u64(43), paged.u8(Number.NaN)]).toEqual([
    Number.NaN,
    Number.NaN,
    Number.NaN,
    Number.NaN,
    Number.NaN,
  ]);
  expect(paged.window(50)).toHaveLength(0);
  expect(paged.window(49)).toHaveLength(1);
});

test("text ends at a zero byte, at the limit, and nowhere else", () => {
  const text = Buffer.alloc(10_000, "a·");
  text[9000] = 0;
  const paged = new PagedBytes(bytesSource(text), 0, text.length);
  expect(paged.text(0, 20_000)).toBe(text.toString("utf8", 0, 9000));
  expect(paged.text(3, 6)).toBe("a·a·");
  expect(paged.text(9001, 5000)).toBeUndefined();
  expect(paged.text(9000, 5000)).toBe("");
});

test("readers share blocks without mixing up their files", () => {
  const files = Array.from(
    { length: 40 },
    (_, index) => new PagedBytes(bytesSource(content.map(() => index)), 0, 20_000),
  );
  for (let position = 0; position < 20_000; position += 4096) {
    expect(files.map((file) => file.u8(position))).toEqual(files.map((_, index) => index));
  }
});
