import { FileProblem, type Report } from "./file-profile.ts";

/** What a file may grow to: the stacks of more could not be held. */
export const MAX_INFLATED_BYTES = 2 ** 30;

/** The bytes of a file without compression; progress goes by the bytes that were read of the file. */
export async function inflateFile(file: Blob, report: Report): Promise<Uint8Array | FileProblem> {
  if (file.size > MAX_INFLATED_BYTES) return tooLong();
  const kind = compressionOf(new Uint8Array(await file.slice(0, 4).arrayBuffer()));
  if (kind === undefined) return new Uint8Array(await file.arrayBuffer());
  let stream: ReadableStream<Uint8Array>;
  try {
    // "zstd" is in the standard, but not in every browser.
    const inflater = new DecompressionStream(kind as CompressionFormat);
    stream = counted(file, report).pipeThrough(inflater as ReadableWritablePair<Uint8Array, Uint8Array>);
  } catch {
    return new FileProblem(`this browser cannot read ${kind}`, `decompress it first: ${kind} -d FILE`);
  }
  try {
    return await gather(stream);
  } catch (error) {
    const why = error instanceof Error && error.message !== "" ? error.message : String(error);
    return new FileProblem(`the ${kind} file is broken: ${why}`, "download it anew");
  }
}

/** What the magic says: RFC 1952 section 2.3.1, RFC 8878 section 3.1.1. */
function compressionOf(head: Uint8Array): "gzip" | "zstd" | undefined {
  if (head[0] === 0x1f && head[1] === 0x8b) return "gzip";
  if (head[0] === 0x28 && head[1] === 0xb5 && head[2] === 0x2f && head[3] === 0xfd) return "zstd";
  return undefined;
}

function counted(file: Blob, report: Report): ReadableStream<Uint8Array> {
  let read = 0;
  const counter = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      read += chunk.length;
      report(read / file.size);
      controller.enqueue(chunk);
    },
  });
  return file.stream().pipeThrough(counter);
}

async function gather(stream: ReadableStream<Uint8Array>): Promise<Uint8Array | FileProblem> {
  const reader = stream.getReader();
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    chunks.push(value);
    size += value.length;
    if (size > MAX_INFLATED_BYTES) {
      await reader.cancel();
      return tooLong();
    }
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

function tooLong(): FileProblem {
  return new FileProblem(
    `the file is larger than ${MAX_INFLATED_BYTES / 2 ** 30} GiB without compression`,
    "convert it to pprof first, which is a tenth of the size: podflame convert FILE -o profile.pb.gz",
  );
}
