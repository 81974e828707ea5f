import { createReadStream } from "node:fs";
import { mkdir, open, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { createInterface } from "node:readline";
import type { PodObject } from "#kubernetes";
import { podFromLine, podToLine } from "./snapshot-line.ts";

/** Of what the lines hold; a file of another version is not read. */
const VERSION = 1;
/** Readable for the owner alone: labels and annotations can be anything. */
const MODE = 0o600;
const CHUNK_CHARACTERS = 256 << 10;

/** How a snapshot was written. */
export interface SnapshotWritten {
  readonly pods: number;
  /** Pods that were left out, for the file would have become too long. */
  readonly leftOut: number;
}

/**
 * Writes pods into a file: a head, one JSON document a line, and an end that says how many there are, so that a file
 * that was cut off is known as such. It takes the place of the old one only when it is complete and on the disk.
 */
export async function writeSnapshot(
  path: string,
  pods: Iterable<PodObject>,
  maxBytes: number,
): Promise<SnapshotWritten> {
  await mkdir(dirname(path), { recursive: true });
  const draft = `${path}.new`;
  const file = await open(draft, "w", MODE);
  let [text, bytes, written, leftOut] = [headLine(), 0, 0, 0];
  try {
    for (const pod of pods) {
      const line = podToLine(pod);
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
  return { pods: written, leftOut };
}

/**
 * Reads what `writeSnapshot` wrote; undefined where there is no file. Rejects with a `SnapshotError` for anything else
 * than a whole file of this version, with the system's error when it can't be read.
 */
export async function readSnapshot(path: string, maxBytes: number): Promise<readonly PodObject[] | undefined> {
  const facts = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (facts === undefined) return undefined;
  // Head and end are some bytes more.
  if (facts.size > maxBytes + 4096) throw new SnapshotError(`${path} is longer than ${maxBytes} bytes`);
  const pods: PodObject[] = [];
  let [number, last] = [0, ""];
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Infinity })) {
    if (number++ === 0) {
      if (`${line}\n` !== headLine()) throw new SnapshotError(`${path} is no snapshot of version ${VERSION}`);
      continue;
    }
    if (last !== "") pods.push(podFrom(path, number - 1, last));
    last = line;
  }
  if (number === 0 || `${last}\n` !== endLine(pods.length)) throw new SnapshotError(`${path} is cut off`);
  return pods;
}

/** A file that isn't what it should be. */
export class SnapshotError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "SnapshotError";
  }
}

function podFrom(path: string, number: number, line: string): PodObject {
  const pod = podFromLine(line);
  if (pod === undefined) throw new SnapshotError(`${path}:${number} is no pod`);
  return pod;
}

function headLine(): string {
  return `${JSON.stringify({ podflame: "identity snapshot", version: VERSION })}\n`;
}

function endLine(pods: number): string {
  return `${JSON.stringify({ pods })}\n`;
}
