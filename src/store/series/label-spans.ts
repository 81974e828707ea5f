import type { IdentityHistory } from "../identity/identity-history.ts";
import type { Attributes, KeyHistory } from "../identity/key-history.ts";
import type { IdentityKey } from "../profile-store.ts";
import type { LabelSet } from "./label-set.ts";
import { labelsOf } from "./labels.ts";

/** Labels that hold for a stretch of time. The spans of a series cover all time. */
export interface LabelSpan {
  readonly from: number;
  readonly to: number;
  readonly labels: LabelSet;
}

/** Whose labels are made. */
export interface Named {
  readonly containerId: string;
  readonly own: Attributes;
}

/**
 * The labels of a series over time: what is known of its container, of that one's pod, and what its resource said, in
 * this order. An address names only what has neither container nor pod uid of its own.
 * @returns `keys`: whose histories the labels were made of; they hold while none of those changes
 */
export function labelSpans(
  { containerId, own }: Named,
  identity: IdentityHistory,
): { readonly spans: readonly LabelSpan[]; readonly keys: readonly IdentityKey[] } {
  const sources = historiesOf(containerId, own, identity);
  const starts = new Set([-Infinity]);
  for (const history of sources) for (const { from } of history.known()) starts.add(from);
  const times = [...starts].sort((a, b) => a - b);
  const spans: LabelSpan[] = [];
  for (const [index, from] of times.entries()) {
    const attributes = new Map<string, string>();
    for (const source of [...sources.map((history) => history.at(from)), own]) {
      for (const [name, value] of source) if (!attributes.has(name)) attributes.set(name, value);
    }
    const labels = labelsOf(containerId, attributes);
    const before = spans.at(-1);
    if (before !== undefined && before.labels.equals(labels))
      spans[spans.length - 1] = { ...before, to: times[index + 1] ?? Infinity };
    else spans.push({ from, to: times[index + 1] ?? Infinity, labels });
  }
  return { spans, keys: sources.map(({ key }) => key) };
}

/** All that can name it, most specific first. */
function historiesOf(containerId: string, own: Attributes, identity: IdentityHistory): readonly KeyHistory[] {
  const histories: KeyHistory[] = [];
  const follow = (kind: IdentityKey["kind"], values: Iterable<string>): readonly KeyHistory[] => {
    const followed = [...values].map((value) => identity.of({ kind, value }));
    histories.push(...followed);
    return followed;
  };
  if (containerId !== "") follow("container.id", [containerId]);
  const uids = own.get("k8s.pod.uid");
  const ip = own.get("k8s.pod.ip");
  if (containerId === "" && uids === undefined && ip !== undefined) follow("k8s.pod.ip", [ip]);
  follow("k8s.pod.uid", new Set([...(uids === undefined ? [] : [uids]), ...uidsIn(histories)]));
  return histories;
}

function uidsIn(histories: readonly KeyHistory[]): string[] {
  return histories.flatMap((history) =>
    history.known().flatMap(({ attributes }) => attributes.get("k8s.pod.uid") ?? []),
  );
}
