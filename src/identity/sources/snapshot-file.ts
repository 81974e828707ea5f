import { createReadStream } from "node:fs";
import { mkdir, open, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { createInterface } from "node:readline";
import type { MetadataObject, PodObject } from "#kubernetes";
import { JsonFormError, record } from "../json-form.ts";
import { readObject, readPod, writeObject, writePod } from "../written-object.ts";

/** Of what the lines hold; a file of another version is not read. */
const VERSION = 2;
/** Readable for the owner alone: labels and annotations can be anything. */
const MODE = 0o600;
const CHUNK_CHARACTERS = 256 << 10;

/** What a snapshot holds. */
export interface SnapshotContent {
  readonly pods: readonly PodObject[];
  /** Namespaces, nodes and owners of pods. */
  readonly objects: readonly MetadataObject[];
}

/** How a snapshot was written. */
export interface SnapshotWritten {
  /** Pods and other objects. */
  readonly written: number;
  /** Those that were left out, for the file would have become too long. */
  readonly leftOut: number;
}

/**
 * Writes pods and then other objects into a file: a head, one JSON document a line, and an end that says how many there are, so that a file
 * that was cut off is known as such. Addresses are left out: while nobody looked, they may have passed to another pod, and
 * a name that is missing is better than a wrong one. It takes the place of the old one only when it is complete and on the disk.
 */
export async function writeSnapshot(
  path: string,
  { pods, objects }: SnapshotContent,
  maxBytes: number,
): Promise<SnapshotWritten> {
  await mkdir(dirname(path), { recursive: true });
  const draft = `${path}.new`;
  const file = await open(draft, "w", MODE);
  let [text, bytes, written, leftOut] = [headLine(), 0, 0, 0];
  try {
    for (const line of linesOf(pods, objects)) {
      const size = Buffer.byteLength(line);
      if (bytes + size > maxBytes) {
        leftOut++;
        continue;
      }
      bytes += size;
      written++;
      text += line;
      if (text.length < CHUNK_CHARACTERS) continue;
      await file.appendFile(text);
      text = "";
    }
    await file.appendFile(text + endLine(written));
    await file.sync();
    await file.close();
    await rename(draft, path);
  } catch (error) {
    await file.close().catch(() => undefined);
    await rm(draft, { force: true });
    throw error;
  }
  return { written, leftOut };
}

/**
 * Reads what `writeSnapshot` wrote; undefined where there is no file. Rejects with a `SnapshotError` for anything else
 * than a whole file of this version, with the system's error when it can't be read.
 */
export async function readSnapshot(path: string, maxBytes: number): Promise<SnapshotContent | undefined> {
  const facts = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (facts === undefined) return undefined;
  // Head and end are some bytes more.
  if (facts.size > maxBytes + 4096) throw new SnapshotError(`${path} is longer than ${maxBytes} bytes`);
  const content = { pods: [] as PodObject[], objects: [] as MetadataObject[] };
  let [number, last] = [0, ""];
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Infinity })) {
    if (number++ === 0) {
      if (`${line}\n` !== headLine()) throw new SnapshotError(`${path} is no snapshot of version ${VERSION}`);
      continue;
    }
    if (last !== "") readLine(content, path, number - 1, last);
    last = line;
  }
  if (number === 0 || `${last}\n` !== endLine(content.pods.length + content.objects.length))
    throw new SnapshotError(`${path} is cut off`);
  return content;
}

/** A file that isn't what it should be. */
export class SnapshotError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "SnapshotError";
  }
}

function* linesOf(pods: readonly PodObject[], objects: readonly MetadataObject[]): Iterable<string> {
  for (const pod of pods) yield `${JSON.stringify(writePod({ ...pod, podIps: [] }))}\n`;
  for (const object of objects) yield `${JSON.stringify(writeObject(object))}\n`;
}

function readLine(
  { pods, objects }: { readonly pods: PodObject[]; readonly objects: MetadataObject[] },
  path: string,
  number: number,
  line: string,
): void {
  try {
    const { pod, object } = record(JSON.parse(line));
    if (object === undefined) pods.push(readPod(pod));
    else objects.push(readObject(object));
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof JsonFormError)) throw error;
    throw new SnapshotError(`${path}:${number} is neither a pod nor another object`, { cause: error });
  }
}

function headLine(): string {
  return `${JSON.stringify({ podflame: "identity snapshot", version: VERSION })}\n`;
}

function endLine(objects: number): string {
  return `${JSON.stringify({ objects })}\n`;
}
