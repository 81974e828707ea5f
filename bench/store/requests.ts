import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import type { GenerateJob } from "./generate.ts";

/** A request on its way into the store. */
export interface StoreRequest {
  readonly bytes: Uint8Array;
  /** Milliseconds. */
  readonly receivedAt: number;
}

const HEADER = 12;

/** The requests of a cluster, made in a process of its own, from the project's folder. */
export async function* clusterRequests(job: GenerateJob): AsyncGenerator<StoreRequest> {
  const child = spawn(process.execPath, ["bench/store/generate.ts", JSON.stringify(job)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    let pieces: Buffer[] = [];
    let length = 0;
    let needed = HEADER;
    for await (const piece of child.stdout) {
      pieces.push(piece as Buffer);
      length += (piece as Buffer).length;
      while (length >= needed) {
        const all = pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
        const size = HEADER + all.readUInt32LE(0);
        if (length < size) {
          pieces = [all];
          needed = size;
          break;
        }
        yield { receivedAt: all.readDoubleLE(4), bytes: Uint8Array.prototype.slice.call(all, HEADER, size) };
        pieces = [all.subarray(size)];
        length -= size;
        needed = HEADER;
      }
    }
  } finally {
    child.kill();
  }
}

/** The requests that `loadgen make` wrote: each behind its length, all as they are, some times over. */
export async function* fileRequests(file: string, start: number, times: number): AsyncGenerator<StoreRequest> {
  const all = readFileSync(file);
  for (let time = 0; time < times; time++) {
    for (let at = 0; at + 4 <= all.length;) {
      const size = all.readUInt32LE(at);
      await Promise.resolve();
      yield { receivedAt: start, bytes: all.subarray(at + 4, at + 4 + size) };
      at += 4 + size;
    }
  }
}
