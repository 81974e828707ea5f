import type { OwnerReference } from "../objects.ts";

/** What all objects have, while it is read. */
export interface MetadataDraft {
  uid: string;
  name: string;
  namespace: string;
  createdMs: number;
  deletedMs: number;
  labels: Map<string, string>;
  annotations: Map<string, string>;
  owners: OwnerReference[];
}

/** Shared by all objects that have none; drafts replace it before they write. */
export const NO_TEXTS: Map<string, string> = new Map();
/** The same for owners. */
export const NO_OWNERS: OwnerReference[] = [];

/** Metadata with nothing in it. */
export function emptyMetadata(): MetadataDraft {
  return {
    uid: "",
    name: "",
    namespace: "",
    createdMs: 0,
    deletedMs: 0,
    labels: NO_TEXTS,
    annotations: NO_TEXTS,
    owners: NO_OWNERS,
  };
}

export function setLabel(draft: MetadataDraft, key: string, value: string): void {
  if (draft.labels === NO_TEXTS) draft.labels = new Map();
  draft.labels.set(key, value);
}

export function setAnnotation(draft: MetadataDraft, key: string, value: string): void {
  if (draft.annotations === NO_TEXTS) draft.annotations = new Map();
  draft.annotations.set(key, value);
}

export function addOwner(draft: MetadataDraft, owner: OwnerReference): void {
  if (draft.owners === NO_OWNERS) draft.owners = [];
  draft.owners.push(owner);
}

/**
 * Ends the reading of metadata. What is equal in `previous` is shared with it (objects of one workload follow each other
 * in a list), and lists take just the room they need: one that was pushed to has room for 17.
 */
export function shareMetadata(draft: MetadataDraft, previous: MetadataDraft | undefined): void {
  if (previous !== undefined) {
    if (sameTexts(draft.labels, previous.labels)) draft.labels = previous.labels;
    if (sameTexts(draft.annotations, previous.annotations)) draft.annotations = previous.annotations;
    if (sameOwners(draft.owners, previous.owners)) draft.owners = previous.owners;
  }
  if (draft.owners.length > 0 && draft.owners !== previous?.owners) draft.owners = draft.owners.slice();
}

function sameTexts(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  if (a.size !== b.size) return false;
  for (const [key, value] of a) if (b.get(key) !== value) return false;
  return true;
}

function sameOwners(a: readonly OwnerReference[], b: readonly OwnerReference[]): boolean {
  return (
    a.length === b.length &&
    a.every((owner, index) => {
      const other = b[index]!;
      return (
        owner.uid === other.uid &&
        owner.name === other.name &&
        owner.kind === other.kind &&
        owner.controller === other.controller
      );
    })
  );
}
