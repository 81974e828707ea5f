/** A row's course over the range, as a small filled line. What it says in numbers is beside it, so it's silent. */
import type { JSX } from "preact";

const WIDTH = 56;
const HEIGHT = 20;

/** @param values one a slot; scaled to their own maximum */
export function Sparkline({ values }: { readonly values: readonly number[] }): JSX.Element {
  const max = Math.max(...values, 0);
  const step = WIDTH / Math.max(1, values.length - 1);
  const points = values.map(
    (value, slot) => `${round(slot * step)},${round(HEIGHT - 1 - (max ? value / max : 0) * (HEIGHT - 3))}`,
  );
  return (
    <svg class="sparkline" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} width={WIDTH} height={HEIGHT} aria-hidden="true">
      {values.length > 1 && (
        <>
          <path class="area" d={`M0,${HEIGHT}L${points.join("L")}L${WIDTH},${HEIGHT}Z`} />
          <path class="line" d={`M${points.join("L")}`} />
        </>
      )}
    </svg>
  );
}

const round = (value: number): number => Math.round(value * 10) / 10;
