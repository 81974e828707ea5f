/**
 * A store that is killed at any moment keeps what it acknowledged, once. `PODFLAME_KILLS=200 npx vitest run test/store/kill`
 * kills it that often.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";

const KILLS = Number(process.env["PODFLAME_KILLS"] ?? 10);
const HIT = 50_000_000;
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "podflame-kill-"));
});

afterAll(() => rm(directory, { recursive: true, force: true }));

interface Told {
  readonly held?: readonly (readonly [string, number])[];
  readonly atOnce?: readonly (readonly [string, number])[];
  readonly damaged?: readonly string[];
  readonly lost?: readonly (readonly [string, number])[];
  readonly sent?: number;
  readonly hits?: number;
  readonly acknowledged?: number;
  readonly collected?: true;
}

/** When to kill: so long after the start, or after the store has told what it holds. */
interface Death {
  readonly afterMs: number;
  readonly isReady: boolean;
}

/** Starts a store, kills it, and gives what it told. */
async function life(iteration: number, first: number, { afterMs, isReady }: Death): Promise<readonly Told[]> {
  const script = join(import.meta.dirname, "victim.ts");
  const child = spawn(process.execPath, [script, directory, String(iteration), String(first)], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  let errors = "";
  let timer: NodeJS.Timeout | undefined;
  const doom = (): unknown => (timer ??= setTimeout(() => child.kill("SIGKILL"), afterMs));
  child.stderr.on("data", (piece: Buffer) => (errors += piece.toString()));
  child.stdout.on("data", (piece: Buffer) => {
    output += piece.toString();
    if (isReady && output.includes("\n")) doom();
  });
  if (!isReady) doom();
  const [status] = (await once(child, "close")) as [number | null];
  clearTimeout(timer);
  expect(status, errors).toBeNull();
  return output
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Told);
}

/** What a store may hold, and must: by request. */
class Model {
  readonly #hits = new Map<string, number>();
  readonly #acknowledged = new Set<string>();
  next = 0;

  add(told: readonly Told[]): void {
    for (const { sent, hits, acknowledged } of told) {
      if (sent !== undefined) {
        this.#hits.set(`request-${sent}`, hits! * HIT);
        this.next = Math.max(this.next, sent + 1);
      }
      if (acknowledged !== undefined) this.#acknowledged.add(`request-${acknowledged}`);
    }
  }

  get acknowledged(): number {
    return this.#acknowledged.size;
  }

  /** What is there of each request: all of it or, where nobody was told that it's kept, nothing. */
  check(held: ReadonlyMap<string, number>): void {
    for (const [name, value] of held) expect(value, `${name} is there once`).toBe(this.#hits.get(name));
    const missing = [...this.#acknowledged].filter((name) => !held.has(name));
    expect(missing, "acknowledged and lost").toEqual([]);
  }
}

test(
  `a store that is killed ${KILLS} times holds every acknowledged request once, in every tier`,
  { timeout: 30_000 + KILLS * 4000 },
  async () => {
    const model = new Model();
    let [checked, collected] = [0, 0];
    for (let iteration = 0; iteration <= KILLS; iteration++) {
      const isLast = iteration === KILLS;
      // One in four in the middle of its start, the others while requests come, are written, and blocks are merged.
      const isReady = isLast || iteration % 4 !== 3;
      const afterMs = isLast ? 0 : Math.random() * (isReady ? 1200 : 900);
      const told = await life(iteration, model.next, { afterMs, isReady });
      const state = told.find(({ held }) => held !== undefined);
      if (state) {
        model.check(new Map(state.held));
        model.check(new Map(state.atOnce));
        expect(state.damaged).toEqual([]);
        checked++;
      }
      model.add(told);
      collected += told.filter((one) => one.collected).length;
    }
    expect(checked).toBeGreaterThan(KILLS / 3);
    expect(model.acknowledged).toBeGreaterThan(KILLS);
    expect(collected).toBeGreaterThan(0);
    const left = (await readdir(join(directory, "10s"))).length;
    process.stderr.write(
      `${KILLS} kills, ${model.acknowledged} requests, ${checked} times checked, ${collected} times names collected, ${left} files\n`,
    );
  },
);
