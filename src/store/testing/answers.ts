import type { ProfileStore, Selector, StackSums, SumRequest, TimeRange } from "../profile-store.ts";

/** What of a store's answer a test compares: values by stack, in words. */
export type Folded = Readonly<Record<string, number>>;

/** What a selection used, by stack: `process;main;work` → value. */
export async function foldedOf(
  store: ProfileStore,
  range: TimeRange,
  options: { readonly type?: string; readonly selector?: Selector } & Partial<Pick<SumRequest, "by" | "links">> = {},
): Promise<Folded> {
  const { type = "cpu", selector = [], by = "stack", links } = options;
  const spans = await store.resolve(selector, range, type);
  const grouped = spans.map((span) => ({ ...span, group: 0 }));
  return fold(await store.sum({ type, range, spans: grouped, by, ...(links === undefined ? {} : { links }) }));
}

/** The sum over everything selected. */
export async function totalOf(
  store: ProfileStore,
  range: TimeRange,
  options: { readonly type?: string; readonly selector?: Selector } = {},
): Promise<number> {
  const folded = await foldedOf(store, range, { ...options, by: "nothing" });
  return Object.values(folded).reduce((sum, value) => sum + value, 0);
}

/** Sums by value of a label. */
export async function byLabel(
  store: ProfileStore,
  range: TimeRange,
  label: string,
  type = "cpu",
): Promise<Readonly<Record<string, number>>> {
  const spans = await store.resolve([], range, type);
  const names = [...new Set(spans.map(({ labels }) => labels.get(label) ?? ""))];
  const grouped = spans.map((span) => ({ ...span, group: names.indexOf(span.labels.get(label) ?? "") }));
  const { length, group, value } = await store.sum({ type, range, spans: grouped, by: "nothing" });
  const sums: Record<string, number> = {};
  for (let at = 0; at < length; at++) sums[names[group[at]!]!] = (sums[names[group[at]!]!] ?? 0) + value[at]!;
  return sums;
}

/** Entries of an answer as text, those of equal stacks added up. A frame without a name is its address. */
export function fold({ nodes, frames, length, node, value }: StackSums): Folded {
  const folded: Record<string, number> = {};
  for (let at = 0; at < length; at++) {
    const path: string[] = [];
    for (let of = node[at]!; of !== 0; of = nodes.parent[of]!) {
      const { name, type, mapping, address } = frames.at(nodes.frame[of]!);
      const shown = name === "" && type !== "process" ? `${mapping}+0x${address.toString(16)}` : name;
      path.push(type === "truncated" ? "(truncated)" : shown);
    }
    const key = path.reverse().join(";");
    folded[key] = (folded[key] ?? 0) + value[at]!;
  }
  return folded;
}
