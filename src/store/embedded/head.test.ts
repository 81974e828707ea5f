import { describe, expect, test } from "vitest";
import { CHUNK_EVENTS, ChunkMemory, Head } from "./head.ts";

const TIME = 1_700_000_000_000;

/** A head of events of one series. */
function headOf(memory: ChunkMemory, series: number, events: number): Head {
  const head = new Head(memory);
  for (let event = 0; event < events; event++) head.add(series, 1, 1, 0, TIME, 1);
  return head;
}

describe("memory of a head", () => {
  test("is the next one's once it is in blocks", () => {
    const memory = new ChunkMemory(CHUNK_EVENTS);
    const first = headOf(memory, 1, 10);
    const { series } = first.chunks[0]!;
    first.end();
    const second = headOf(memory, 2, 3);
    expect(second.chunks[0]!.series).toBe(series);
    expect(second.chunks[0]!.length).toBe(3);
    expect(first.chunks).toEqual([]);
  });

  test("stays as it is while an answer reads it", () => {
    const memory = new ChunkMemory(CHUNK_EVENTS);
    const first = headOf(memory, 1, 10);
    const { series } = first.chunks[0]!;
    first.enter();
    first.enter();
    first.end();
    headOf(memory, 2, 10);
    first.leave();
    headOf(memory, 3, 10);
    expect([...series.subarray(0, 10)]).toEqual(Array<number>(10).fill(1));
    first.leave();
    expect(headOf(memory, 4, 10).chunks[0]!.series).toBe(series);
  });

  test("has no links of the samples before", () => {
    const memory = new ChunkMemory(CHUNK_EVENTS);
    const first = new Head(memory);
    first.add(1, 1, 1, first.link("a", "b"), TIME, 1);
    first.end();
    expect(headOf(memory, 1, 1).chunks[0]!.link[0]).toBe(0);
  });

  test("is bounded, whatever a head had", () => {
    const memory = new ChunkMemory(CHUNK_EVENTS);
    const large = headOf(memory, 1, CHUNK_EVENTS * 3);
    const all = large.chunks.map(({ series }) => series);
    large.end();
    const next = headOf(memory, 2, CHUNK_EVENTS * 3);
    expect(next.chunks.filter(({ series }) => all.includes(series))).toHaveLength(1);
  });
});
