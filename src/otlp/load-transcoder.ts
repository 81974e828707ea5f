import type * as transcoder from "./transcoder.ts";

/** `jsonToProtobuf`, `protobufToJson`, `decodeRequest`, `describeProfiles`: see transcoder.ts. */
export type Transcoder = typeof transcoder;

/** Loads the message tables on the first call; later calls get the same module. */
export function loadTranscoder(): Promise<Transcoder> {
  return import("./transcoder.ts");
}
