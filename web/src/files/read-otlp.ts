import { detectLayout, loadTranscoder, ParseError, type ProfilesModel, readProfiles, Refusal } from "#otlp";
import { BufferPool } from "#wire";
import { FileProblem } from "./file-profile.ts";

/** A model, and what it was: `otlp D10`. */
export interface OtlpFile {
  readonly model: ProfilesModel;
  readonly format: string;
}

const OPEN_BRACE = 0x7b;

/** Reads one request of OTLP profiles: protobuf in any layout, with or without a length ahead of it, or JSON. */
export async function readOtlp(bytes: Uint8Array): Promise<OtlpFile | FileProblem> {
  return isJson(bytes) ? await readJson(bytes) : readProtobuf(bytes);
}

/** Whether the first byte that is no space opens an object. */
export function isJson(bytes: Uint8Array): boolean {
  let at = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
  while (at < bytes.length && bytes[at]! <= 0x20) at++;
  return bytes[at] === OPEN_BRACE;
}

function readProtobuf(bytes: Uint8Array): OtlpFile | FileProblem {
  const request = unframed(bytes);
  const detection = detectLayout(request);
  if (detection instanceof Refusal) return unknown(detection.message);
  if (detection.empty === true) return unknown("no profiles");
  const model = readProfiles(request, detection.layout);
  if (model instanceof ParseError) return unknown(model.message);
  return { model, format: `otlp ${detection.layout}` };
}

async function readJson(bytes: Uint8Array): Promise<OtlpFile | FileProblem> {
  const { profilesJsonToProtobuf } = await loadTranscoder();
  const transcoded = profilesJsonToProtobuf(bytes, new BufferPool());
  if (transcoded instanceof Refusal || transcoded instanceof ParseError) return unknown(transcoded.message);
  // The model refers to the bytes, and the buffer is the pool's.
  const copy = transcoded.buffer.bytes.slice();
  transcoded.buffer.release();
  const model = readProfiles(copy, transcoded.detection.layout);
  if (model instanceof ParseError) return unknown(model.message);
  return { model, format: `otlp-json ${transcoded.detection.layout}` };
}

/** Takes off what may stand ahead of a single message: gRPC's five bytes, or a length of four (the Collector's file exporter). */
function unframed(bytes: Uint8Array): Uint8Array {
  if (bytes.length < 5) return bytes;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes[0] === 0 && view.getUint32(1) === bytes.length - 5) return bytes.subarray(5);
  return view.getUint32(0) === bytes.length - 4 ? bytes.subarray(4) : bytes;
}

function unknown(why: string): FileProblem {
  return new FileProblem(
    `this is no profile that podflame knows: ${why}`,
    "pprof, OTLP (protobuf or JSON), folded stacks, speedscope, perf script and .cpuprofile can be opened",
  );
}
