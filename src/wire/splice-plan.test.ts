import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BufferPool } from "./buffer-pool.ts";
import { Reader } from "./reader.ts";
import { SplicePlan } from "./splice-plan.ts";
import { Writer } from "./writer.ts";

const pool = new BufferPool();

/** Nested messages (field 1 in field 1 …) around `content`. */
function nested(depth: number, content: Uint8Array): Uint8Array {
  const writer = new Writer();
  for (let level = 0; level < depth; level++) writer.open(1);
  writer.raw(content);
  for (let level = 0; level < depth; level++) writer.close();
  return writer.finish();
}

describe("SplicePlan", () => {
  test("corrects the length of every enclosing message, where its size in bytes changes too", () => {
    const plan = new SplicePlan();
    const sizes = fc.constantFrom(0, 1, 2, 60, 100, 120, 124, 126, 127, 128, 129, 200, 16_380, 16_383, 16_384);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), sizes, sizes, (depth, before, added) => {
        const input = nested(depth, new Uint8Array(before).fill(1));
        const insert = new Uint8Array(added).fill(2);
        plan.reset();
        const reader = new Reader();
        reader.reset(input, 0, input.length);
        for (let level = 0; level < depth; level++) {
          reader.next();
          plan.enter(reader.prefixStart, reader.start, reader.end);
          reader.reset(input, reader.start, reader.end);
        }
        if (added > 0) plan.insert(reader.limit, insert, 0, added);
        for (let level = 0; level < depth; level++) plan.leave();
        expect(plan.empty).toBe(added === 0);
        const output = plan.apply(input, pool);
        const both = new Uint8Array(before + added).fill(1, 0, before).fill(2, before);
        expect(output.bytes).toEqual(nested(depth, both));
        output.release();
      }),
    );
  });

  test("removes, inserts and adds a message in one pass", () => {
    const plan = new SplicePlan();
    const writer = new Writer();
    writer.open(1);
    writer.string(1, "gone");
    writer.string(2, "kept");
    writer.close();
    const input = writer.finish();
    const source = new TextEncoder().encode("xxbefore");
    plan.enter(1, 2, input.length);
    plan.remove(2, 8);
    plan.enterNew(8, (3 << 3) | 2);
    plan.insert(8, source, 2, 8);
    plan.leave();
    plan.leave();
    const expected = new Writer();
    expected.open(1);
    expected.string(3, "before");
    expected.string(2, "kept");
    expected.close();
    const output = plan.apply(input, pool);
    expect(output.bytes).toEqual(expected.finish());
    output.release();
  });

  test("can only be applied outside of all messages", () => {
    const plan = new SplicePlan();
    plan.enter(1, 2, 4);
    expect(() => plan.apply(new Uint8Array(4), pool)).toThrow("inside a message");
  });
});
