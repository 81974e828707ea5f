import { ApiFormatError } from "../errors.ts";
import type { ApiResponse } from "./api-client.ts";

/** A single object: etcd takes 1.5 MiB at most, and lists of one are hardly longer. */
const MAX_BYTES = 8 << 20;

/**
 * Reads the body of an answer to a request for JSON, of one object or a short list. What is in it is for the caller to
 * check.
 * @throws ApiFormatError for what is no JSON or too long
 */
export async function readJson({ body }: ApiResponse): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  // Ending the loop early ends the body as well.
  for await (const chunk of body as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BYTES) throw new ApiFormatError(`the API server's answer is longer than ${MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks, size).toString()) as unknown;
  } catch (cause) {
    throw new ApiFormatError("the API server's answer is no JSON", { cause });
  }
}
