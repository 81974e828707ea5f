import { createReadStream } from "node:fs";
import { asObject } from "./envelope.ts";
import { ApiFormatError } from "../errors.ts";
import { JsonListParser } from "./list-parser.ts";
import type { KeyFilter, PodObject } from "../objects.ts";
import { PodDecoder } from "./pod-decoder.ts";

/**
 * Reads a list of pods as `kubectl get pods -A -o json` writes it. Rejects with an `ApiFormatError` that names the file
 * when it is no such list, with the system's error when it can't be read. Odd pods are kept as far as they go; those
 * without a uid are left out.
 */
export async function loadPodFile(path: string, keys: KeyFilter): Promise<readonly PodObject[]> {
  const decoder = new PodDecoder(keys);
  const pods: PodObject[] = [];
  const parser = new JsonListParser((value) => {
    const kind = asObject(value)["kind"];
    if (kind !== undefined && kind !== decoder.kind)
      throw new ApiFormatError(`holds a ${JSON.stringify(kind)}, expected pods`);
    const pod = decoder.fromJson(value);
    if (pod) pods.push(pod);
  }, decoder.kind);
  try {
    for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) parser.push(chunk);
    parser.end();
  } catch (cause) {
    if (cause instanceof ApiFormatError) throw new ApiFormatError(`${path}: ${cause.message}`, { cause });
    throw cause;
  }
  return pods;
}
