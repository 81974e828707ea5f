import { createReadStream } from "node:fs";
import { open, rename } from "node:fs/promises";
import { dirname } from "node:path";
import { crc32 } from "node:zlib";

/** Ends the name of a file that is being written. What has it at the start of a store is removed. */
export const UNFINISHED = ".tmp";

/** A file that is safe on disk, as the catalogue notes it. */
export interface WrittenFile {
  readonly bytes: number;
  readonly crc: number;
}

/**
 * Gives a finished file its name so that a crash leaves either all of it or nothing: its content goes to disk, then the
 * name, then the folder. DuckDB does none of it.
 *
 * @param path final name; the content is at the same with `UNFINISHED`
 */
export async function publish(path: string): Promise<WrittenFile> {
  const unfinished = path + UNFINISHED;
  const file = await open(unfinished, "r+");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
  const written = await checksum(unfinished);
  await rename(unfinished, path);
  await syncFolder(dirname(path));
  return written;
}

/** Makes names in a folder safe. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Size and CRC-32 of a file. Parquet has none that DuckDB writes or checks. */
export async function checksum(path: string): Promise<WrittenFile> {
  let crc = 0;
  let bytes = 0;
  for await (const piece of createReadStream(path, { highWaterMark: 1 << 18 })) {
    crc = crc32(piece as Buffer, crc);
    bytes += (piece as Buffer).length;
  }
  return { bytes, crc };
}
