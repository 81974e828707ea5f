import { describe, expect, test } from "vitest";
import type { Block, BlockFile, BlockFileKind } from "./catalogue.ts";
import { nextMerge } from "./compaction-plan.ts";
import { FINE } from "./tiers.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const START = 1000 * 24 * HOUR;
const LARGE = 3_000_000;

/** A block of ten minutes of an hour; all of its files have the same size. */
function blockOf(tenth: number, bytes: number, level = 1): Block {
  const id = tenth + 1;
  const files = (["rows", "activity", "totals", "events"] as const).map((kind): BlockFile => {
    return { kind, path: `${id}-${kind}`, bytes, crc: 0 };
  });
  const from = START + tenth * 10 * MINUTE;
  const to = from + 10 * MINUTE;
  return { id, token: `${id}`, step: FINE.step, level, from, to, rows: 1, isRolled: false, isDamaged: false, files };
}

function keptOf(blocks: readonly Block[], now: number): readonly BlockFileKind[] | undefined {
  return nextMerge(blocks, now)?.kept.map(({ kind }) => kind);
}

describe("a merge of blocks", () => {
  test("of a whole hour keeps large files of rows and of single samples", () => {
    const over = START + HOUR + 10 * MINUTE;
    expect(keptOf([blockOf(0, LARGE), blockOf(1, 1000)], over)).toEqual(["rows", "events"]);
    expect(keptOf([blockOf(0, 1000), blockOf(1, 1000)], over)).toEqual([]);
  });

  test("of the running hour, and one into coarser resolutions, keeps none", () => {
    const fresh = Array.from({ length: 10 }, () => blockOf(0, LARGE, 0));
    expect(keptOf(fresh, START + 15 * MINUTE)).toEqual([]);
    expect(nextMerge([blockOf(0, LARGE, 2)], START + 2 * HOUR)).toMatchObject({ isRoll: true, kept: [] });
  });

  test("of the running hour waits for five minutes of samples, or for thirty blocks", () => {
    const now = START + 15 * MINUTE;
    const fresh = (count: number, seconds: number): Block[] =>
      Array.from({ length: count }, (_, at) => {
        const from = START + at * seconds * 1000;
        return { ...blockOf(at, 1000, 0), from, to: from + seconds * 1000 };
      });
    expect(nextMerge(fresh(9, 60), now)).toBeUndefined();
    expect(nextMerge(fresh(10, 60), now)?.sources).toHaveLength(10);
    expect(nextMerge(fresh(19, 15), now)).toBeUndefined();
    expect(nextMerge(fresh(20, 15), now)?.sources).toHaveLength(20);
    expect(nextMerge(fresh(29, 2), now)).toBeUndefined();
    expect(nextMerge(fresh(30, 2), now)?.sources).toHaveLength(30);
  });

  test("adds rows up where blocks are of the same time, and doesn't where they are apart", () => {
    const over = START + HOUR + 10 * MINUTE;
    const apart = Array.from({ length: 6 }, (_, tenth) => blockOf(tenth, 1000));
    expect(nextMerge(apart, over)).toMatchObject({ areApart: true });
    expect(nextMerge([...apart, ...apart], over)).toMatchObject({ areApart: false });
    // A sample that came late, from the begin of the hour.
    const late = { ...blockOf(5, 1000), from: START };
    expect(nextMerge([...apart.slice(0, 5), late], over)).toMatchObject({ areApart: false });
  });
});
