import xz from "xz-decompress";

/** Symbols of a large program take 2 to 4 MB; a tenth of what may be used for everything else. */
const MAX_DECOMPRESSED_BYTES = 8 << 20;

/** Decompresses an `.xz` file; undefined if it is broken or larger than 8 MiB. */
export async function decompressXz(compressed: Uint8Array): Promise<Uint8Array | undefined> {
  try {
    const pieces: Uint8Array[] = [];
    let sizeBytes = 0;
    for await (const piece of new xz.XzReadableStream(new Blob([compressed as Uint8Array<ArrayBuffer>]).stream())) {
      sizeBytes += piece.length;
      if (sizeBytes > MAX_DECOMPRESSED_BYTES) return undefined;
      // The stream hands out its own buffer.
      pieces.push(piece.slice());
    }
    return Buffer.concat(pieces, sizeBytes);
  } catch {
    return undefined;
  }
}
