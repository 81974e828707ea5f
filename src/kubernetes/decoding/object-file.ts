import { createReadStream } from "node:fs";
import { asObject } from "./envelope.ts";
import { ApiFormatError } from "../errors.ts";
import { JsonListParser } from "./list-parser.ts";
import { MetadataDecoder } from "./metadata-decoder.ts";
import { type KeyFilter, type MetadataObject, OBJECT_KINDS, type ObjectKind, type PodObject } from "../objects.ts";
import { isYamlFile, readYamlObjects } from "./object-yaml.ts";
import { PodDecoder } from "./pod-decoder.ts";

/** What a file of objects holds. */
export interface FileObjects {
  readonly pods: readonly PodObject[];
  readonly objects: readonly MetadataObject[];
}

/**
 * Reads a list of objects as `kubectl get pods -A -o json` writes it, or `kubectl get pods,namespaces,nodes,… -A -o json`
 * with other kinds: of those, the ones in `kinds` are kept. A file `*.yaml` or `*.yml` holds the same as YAML, or such objects
 * one behind the other. Rejects with an `ApiFormatError` that names the file when it
 * is no such list, with the system's error when it can't be read. Odd objects are kept as far as they go; those without
 * a uid are left out.
 */
export async function loadObjectFile(
  path: string,
  podKeys: KeyFilter,
  kinds: ReadonlyMap<ObjectKind, KeyFilter> = new Map(),
): Promise<FileObjects> {
  const podDecoder = new PodDecoder(podKeys);
  const decoders = new Map(
    [...kinds].map(([kind, keys]) => [kind as string, new MetadataDecoder(kind, keys)] as const),
  );
  const [pods, objects]: [PodObject[], MetadataObject[]] = [[], []];
  const take = (value: unknown): void => {
    const kind = asObject(value)["kind"] ?? podDecoder.kind;
    if (kind === podDecoder.kind) {
      const pod = podDecoder.fromJson(value);
      if (pod !== undefined) pods.push(pod);
      return;
    }
    if (!(OBJECT_KINDS as readonly unknown[]).includes(kind)) {
      throw new ApiFormatError(`holds a ${JSON.stringify(kind)}, expected pods and objects around them`);
    }
    const object = decoders.get(kind as string)?.fromJson(value);
    if (object !== undefined) objects.push(object);
  };
  try {
    if (isYamlFile(path)) for (const value of await readYamlObjects(path)) take(value);
    else await readJsonList(path, new JsonListParser(take, podDecoder.kind));
  } catch (cause) {
    if (cause instanceof ApiFormatError) throw new ApiFormatError(`${path}: ${cause.message}`, { cause });
    throw cause;
  }
  return { pods, objects };
}

async function readJsonList(path: string, parser: JsonListParser): Promise<void> {
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) parser.push(chunk);
  parser.end();
}
