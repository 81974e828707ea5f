/** How fine a heat map can be read: rows shorter than from one sample to the next are stripes and holes, no bursts. */
import type { HeatmapAnswer } from "../../../src/query/api.ts";

/** Rows that are asked for: all that are shown divide it. */
export const FINEST_ROWS = 100;

const ROWS = [50, 25, 20, 10] as const;
/** Samples a row that a busy second should have. */
const SAMPLES_A_ROW = 0.7;
/** Of the seconds with samples the busiest tenth says how many a busy one has. */
const BUSY = 0.9;

/** An answer of FINEST_ROWS rows with as many as its samples fill. */
export function readable(answer: HeatmapAnswer): HeatmapAnswer {
  const least = leastOf(answer.values);
  const perSecond = busySecond(answer) / least;
  const rows = ROWS.find((count) => count * SAMPLES_A_ROW <= perSecond) ?? ROWS.at(-1)!;
  return answer.rows % rows === 0 ? merged(answer, rows) : answer;
}

/** The value of one sample, as far as that can be seen. */
function leastOf(values: readonly number[]): number {
  let least = Infinity;
  for (const value of values) if (value > 0 && value < least) least = value;
  return least;
}

function busySecond({ values, columns, rows }: HeatmapAnswer): number {
  const sums: number[] = [];
  for (let column = 0; column < columns; column++) {
    let sum = 0;
    for (let row = 0; row < rows; row++) sum += values[column * rows + row] ?? 0;
    if (sum > 0) sums.push(sum);
  }
  sums.sort((a, b) => a - b);
  return sums[Math.floor((sums.length - 1) * BUSY)] ?? 0;
}

function merged(answer: HeatmapAnswer, rows: number): HeatmapAnswer {
  const factor = answer.rows / rows;
  const values = new Array<number>(answer.columns * rows).fill(0);
  let max = 0;
  for (let at = 0; at < values.length * factor; at++) {
    const to = Math.floor(at / factor);
    values[to] = values[to]! + (answer.values[at] ?? 0);
    max = Math.max(max, values[to]!);
  }
  return { ...answer, rows, step: answer.step * factor, values, max };
}
