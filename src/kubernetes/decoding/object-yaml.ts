import { open } from "node:fs/promises";
import { ApiFormatError } from "../errors.ts";
import { asObject } from "./envelope.ts";

/** Some ten thousand pods; YAML is parsed whole, at some 20 MiB a second. */
const MAX_BYTES = 64 << 20;

/** Whether a file's name says that it is YAML. */
export function isYamlFile(path: string): boolean {
  return /\.ya?ml$/i.test(path);
}

/**
 * The objects of a YAML file, as `kubectl get … -o yaml` writes it or as manifests stand behind one another: lists by their
 * items, everything else as it is. Rejects with an `ApiFormatError` for what is no YAML, or no objects.
 */
export async function readYamlObjects(path: string): Promise<readonly unknown[]> {
  const { parseAllDocuments } = await import("yaml");
  const documents = parseAllDocuments(await textOf(path));
  const objects: unknown[] = [];
  for (const document of documents) {
    const [error] = document.errors;
    if (error !== undefined) throw new ApiFormatError(`no YAML: ${error.message}`, { cause: error });
    const value = valueOf(document);
    // A separator at the end makes an empty document.
    if (value === null) continue;
    const { kind, items } = asObject(value);
    if (Array.isArray(items) && typeof kind === "string" && kind.endsWith("List"))
      objects.push(...(items as unknown[]));
    else if (typeof kind === "string") objects.push(value);
    else throw new ApiFormatError("holds something else than objects and lists of objects");
  }
  return objects;
}

/** @throws ApiFormatError where aliases make far more of it than stands there */
function valueOf(document: { toJS(): unknown }): unknown {
  try {
    return document.toJS();
  } catch (cause) {
    throw new ApiFormatError(`no YAML: ${(cause as Error).message}`, { cause });
  }
}

async function textOf(path: string): Promise<string> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    if (size > MAX_BYTES) throw new ApiFormatError(`is longer than ${MAX_BYTES} bytes; write it as JSON`);
    return await file.readFile("utf8");
  } finally {
    await file.close();
  }
}
