import type { KeyFilter, ObjectKind } from "#kubernetes";

/** What is wanted of the objects of one kind. */
export interface ObjectNeed {
  /** Labels and annotations to keep. */
  readonly keys: KeyFilter;
  /** Only the object of that name; all by default. */
  readonly only?: string | undefined;
}

/** Which kinds of objects are to be followed besides pods. */
export type ObjectNeeds = ReadonlyMap<ObjectKind, ObjectNeed>;

/** All that a user, or several of them, want to know of a cluster. */
export interface Wanted {
  /** Labels and annotations of pods to keep. */
  readonly keys: KeyFilter;
  readonly objects: ObjectNeeds;
}

/** What any of the users wants. */
export function united(all: readonly Wanted[]): Wanted {
  const objects = new Map<ObjectKind, ObjectNeed>();
  for (const kind of new Set(all.flatMap((wanted) => [...wanted.objects.keys()]))) {
    const needs = all.flatMap((wanted) => wanted.objects.get(kind) ?? []);
    const [first] = needs;
    const only = needs.every((need) => need.only === first?.only) ? first?.only : undefined;
    objects.set(kind, { keys: anyOf(needs.map(({ keys }) => keys)), only });
  }
  return { keys: anyOf(all.map(({ keys }) => keys)), objects };
}

function anyOf(filters: readonly KeyFilter[]): KeyFilter {
  return {
    label: (key) => filters.some((filter) => filter.label(key)),
    annotation: (key) => filters.some((filter) => filter.annotation(key)),
  };
}
