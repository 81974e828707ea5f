import type { ContenderName } from "../intake/contender.ts";
import type { Row } from "../intake/report.ts";

/** A row with a value for the Collector only where it was measured. */
export function rowOf(
  benchmark: string,
  quantity: string,
  values: (name: ContenderName) => readonly number[],
  note?: string,
): Row {
  const otelcol = values("otelcol");
  return {
    benchmark,
    quantity,
    podflame: values("podflame"),
    ...(otelcol.length > 0 && { otelcol }),
    ...(note !== undefined && { note }),
  };
}
