import type { JsonObject, JsonValues } from "./json-values.ts";
import type { KeptKeys } from "./kept-keys.ts";
import { addOwner, type MetadataDraft, setAnnotation, setLabel } from "./metadata-draft.ts";

/** Reads an object's `metadata` as parsed JSON into `draft`. What has a wrong type is left out, and told by `values`. */
export function readJsonMetadata(metadata: JsonObject, values: JsonValues, keys: KeptKeys, draft: MetadataDraft): void {
  draft.name = values.text(metadata["name"]);
  draft.namespace = values.shared(metadata["namespace"]);
  draft.uid = values.text(metadata["uid"]);
  draft.createdMs = values.time(metadata["creationTimestamp"]);
  draft.deletedMs = values.time(metadata["deletionTimestamp"]);
  const [labels, annotations] = [values.object(metadata["labels"]), values.object(metadata["annotations"])];
  for (const key of Object.keys(labels)) {
    if (keys.label(key)) setLabel(draft, values.shared(key), values.shared(labels[key]));
  }
  for (const key of Object.keys(annotations)) {
    if (keys.annotation(key)) setAnnotation(draft, values.shared(key), values.shared(annotations[key]));
  }
  for (const owner of values.objects(metadata["ownerReferences"])) {
    addOwner(draft, {
      kind: values.shared(owner["kind"]),
      name: values.shared(owner["name"]),
      uid: values.shared(owner["uid"]),
      controller: values.flag(owner["controller"]),
    });
  }
}
