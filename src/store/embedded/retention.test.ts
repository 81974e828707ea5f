import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Block } from "./catalogue.ts";
import { retire } from "./retention.ts";
import { DEFAULT_RETENTION, type Retention } from "./settings.ts";
import { COARSE, FINE, MINUTES, type Tier } from "./tiers.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const NOW = 1000 * DAY;
const OTHER_BYTES = 50;

let blocks = 0;

/** A block of 100 bytes that ended a while ago; of the fine tier it has single samples of 100 more. */
function blockOf(tier: Tier, ageMs: number, isRolled = true): Block {
  const id = ++blocks;
  const path = `${tier.name}/${id}`;
  const sums = { kind: "rows", path: `${path}-rows`, bytes: 100, crc: 0 } as const;
  const events = { kind: "events", path: `${path}-events`, bytes: 100, crc: 0 } as const;
  return {
    id,
    token: path,
    step: tier.step,
    level: 2,
    from: NOW - ageMs - HOUR,
    to: NOW - ageMs,
    rows: 1,
    isRolled: tier === FINE && isRolled,
    isDamaged: false,
    files: tier === FINE ? [sums, events] : [sums],
  };
}

function retiredWith(held: readonly Block[], totalBytes: number, retention: Partial<Retention> = {}) {
  return retire(held, { ...DEFAULT_RETENTION, ...retention, totalBytes }, NOW, OTHER_BYTES);
}

function pathsAt(held: readonly Block[], totalBytes: number): readonly string[] {
  return retiredWith(held, totalBytes).paths;
}

describe("a limit of all bytes", () => {
  test("removes nothing while blocks, names, journal and catalogue together are within it", () => {
    const held = [blockOf(FINE, HOUR), blockOf(COARSE, HOUR)];
    expect(pathsAt(held, 350)).toEqual([]);
    expect(pathsAt(held, 349)).toEqual([held[0]!.files[1]!.path]);
  });

  test("takes the times of single samples before the sums of the same time", () => {
    const held = [blockOf(FINE, DAY)];
    expect(pathsAt(held, 150)).toEqual([held[0]!.files[1]!.path]);
    expect(pathsAt(held, 149)).toEqual(held[0]!.files.map(({ path }) => path));
  });

  test("takes what is nearest to the end of its own time, so that no tier is emptied for another", () => {
    // Of their times are over: a half, a third, a quarter.
    const [fine, coarse, minutes] = [blockOf(FINE, DAY), blockOf(COARSE, 30 * DAY), blockOf(MINUTES, 3.5 * DAY)];
    const held = [minutes, coarse, fine];
    expect(retiredWith(held, 250).change.removeBlocks).toEqual([fine]);
    expect(retiredWith(held, 150).change.removeBlocks).toEqual([fine, coarse]);
    expect(retiredWith(held, 149).change.removeBlocks).toEqual([fine, coarse, minutes]);
  });

  test("takes last what no coarser tier has yet", () => {
    const [fresh, rolled, coarse] = [blockOf(FINE, 5 * HOUR, false), blockOf(FINE, 4 * HOUR), blockOf(COARSE, 3 * DAY)];
    const { change } = retiredWith([fresh, rolled, coarse], 150);
    expect(change.removeBlocks).toEqual([rolled, coarse]);
  });

  test("says up to when a tier may miss something", () => {
    const [old, young] = [blockOf(FINE, 30 * HOUR), blockOf(FINE, 20 * HOUR)];
    expect(retiredWith([young, old], 350).change.horizons).toEqual(new Map());
    expect(retiredWith([young, old], 200).change.horizons).toEqual(new Map([[FINE.step, old.to]]));
  });

  test("tells bytes by reason, each once, and what is left beyond the limit with nothing to remove", () => {
    const [expired, single, left] = [blockOf(FINE, 3 * DAY), blockOf(FINE, 30 * HOUR), blockOf(FINE, HOUR)];
    const { bytes, excess } = retiredWith([expired, single, left], 40, { rawMs: DAY });
    expect(bytes).toEqual(
      new Map([
        ["age", 300],
        ["total_bytes", 300],
      ]),
    );
    expect(excess).toBe(10);
  });

  test("is kept with the fewest removals, whatever blocks there are", () => {
    const anyBlock = fc
      .record({
        tier: fc.constantFrom(FINE, MINUTES, COARSE),
        age: fc.integer({ min: 0, max: 40 }),
        isRolled: fc.boolean(),
      })
      .map(({ tier, age, isRolled }) => blockOf(tier, age * HOUR, isRolled));
    fc.assert(
      fc.property(fc.array(anyBlock, { maxLength: 30 }), fc.integer({ min: 51, max: 6000 }), (held, limit) => {
        const { paths, change, excess } = retiredWith(held, limit);
        expect(new Set(paths).size).toBe(paths.length);
        const left = held.flatMap(({ files }) => files).filter(({ path }) => !paths.includes(path));
        const total = OTHER_BYTES + left.length * 100;
        expect(excess).toBe(0);
        expect(total).toBeLessThanOrEqual(limit);
        // A block with its single samples goes in two steps of 100 bytes.
        if (paths.length > 0) expect(total).toBeGreaterThan(limit - 200);
        for (const block of change.removeBlocks ?? []) {
          for (const { path } of block.files) expect(paths).toContain(path);
        }
      }),
    );
  });
});
