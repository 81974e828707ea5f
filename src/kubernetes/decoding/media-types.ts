/** What lists are asked for: protobuf, or JSON where the server doesn't know it. */
export const ACCEPT_LIST = "application/vnd.kubernetes.protobuf,application/json";
/** What watches are asked for. */
export const ACCEPT_WATCH =
  "application/vnd.kubernetes.protobuf;stream=watch,application/json;stream=watch,application/json";

export type Encoding = "protobuf" | "json";

/** The encoding of a Content-Type; undefined for what this client can't read. */
export function encodingOf(contentType: string): Encoding | undefined {
  const type = contentType.split(";", 1)[0]!.trim().toLowerCase();
  if (type === "application/vnd.kubernetes.protobuf") return "protobuf";
  return type === "application/json" ? "json" : undefined;
}
