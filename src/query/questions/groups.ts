import type { GroupedSpan, SeriesSpan } from "#store";
import { QueryError } from "../query-error.ts";
import type { QueryContext } from "./context.ts";
import type { Selection } from "./selection.ts";

/** How well it is known whom samples belong to. */
export type Attribution = "known" | "unnamed" | "unattributed";

/** Series that count together. */
export interface SeriesGroup {
  /** What makes the group: values of the labels it was grouped by, in their order. */
  readonly values: readonly string[];
  readonly attribution: Attribution;
  /** Of its first series. */
  readonly labels: ReadonlyMap<string, string>;
}

/** The series of a selection in groups. */
export interface Groups {
  /** Those with equal values differ in `attribution`. */
  readonly list: readonly SeriesGroup[];
  /** For the store. */
  readonly spans: readonly GroupedSpan[];
}

/** Finds the series of a selection, and puts those together that have equal labels of these names. */
export async function groupSeries(
  { store, limits }: QueryContext,
  { selector, range, type }: Selection,
  by: readonly string[],
): Promise<Groups> {
  const found = await store.resolve(selector, range, type.id);
  const list: SeriesGroup[] = [];
  const numbers = new Map<string, number>();
  const spans = found.map((span) => {
    const values = by.map((name) => span.labels.get(name) ?? "");
    const attribution = attributionOf(span);
    const key = [attribution, ...values].join("\n");
    let group = numbers.get(key);
    if (group === undefined) {
      group = list.push({ values, attribution, labels: span.labels }) - 1;
      numbers.set(key, group);
      if (list.length > limits.maxGroups) {
        throw new QueryError(
          "limit",
          `more than ${limits.maxGroups} different ${by.join(", ")}`,
          "Select less, or group by something coarser.",
        );
      }
    }
    return { series: span.series, from: span.from, to: span.to, group };
  });
  return { list, spans };
}

function attributionOf({ labels }: SeriesSpan): Attribution {
  if (labels.get("origin") === "unattributed") return "unattributed";
  return labels.get("named") === "false" ? "unnamed" : "known";
}
