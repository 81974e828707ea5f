/** What lists are asked for: protobuf, or JSON where the server doesn't know it. */
export const ACCEPT_LIST = "application/vnd.kubernetes.protobuf,application/json";
/** What watches are asked for. */
export const ACCEPT_WATCH =
  "application/vnd.kubernetes.protobuf;stream=watch,application/json;stream=watch,application/json";

/** Says that of each object only its metadata is wanted; the server then makes PartialObjectMetadata of all kinds. */
const METADATA_ONLY = "g=meta.k8s.io;v=v1";
const METADATA_LIST = `as=PartialObjectMetadataList;${METADATA_ONLY}`;
const METADATA_WATCH = `as=PartialObjectMetadata;${METADATA_ONLY};stream=watch`;
/** What lists of metadata are asked for; whole objects do as well. */
export const ACCEPT_METADATA_LIST = `application/vnd.kubernetes.protobuf;${METADATA_LIST},application/json;${METADATA_LIST},application/json`;
/** What watches of metadata are asked for. */
export const ACCEPT_METADATA_WATCH = `application/vnd.kubernetes.protobuf;${METADATA_WATCH},application/json;${METADATA_WATCH},application/json;stream=watch,application/json`;

export type Encoding = "protobuf" | "json";

/** The encoding of a Content-Type; undefined for what this client can't read. */
export function encodingOf(contentType: string): Encoding | undefined {
  const type = contentType.split(";", 1)[0]!.trim().toLowerCase();
  if (type === "application/vnd.kubernetes.protobuf") return "protobuf";
  return type === "application/json" ? "json" : undefined;
}
