import { detectLayout, loadTranscoder, ParseError, type ProfilesModel, readProfiles, Refusal } from "#otlp";
import { BufferPool } from "#wire";
import { beginsAsJson } from "../../../src/formats/plain.ts";
import { FileProblem } from "./file-profile.ts";
import { splitRequests } from "./split-requests.ts";

/** The models of a file's requests, and what it was, e.g. `otlp D10` or `otlp-json D10, 7 requests`. */
export interface OtlpFile {
  readonly models: readonly ProfilesModel[];
  readonly format: string;
}

/** One request. */
interface OtlpRequest {
  readonly model: ProfilesModel;
  readonly layout: string;
}

/** Reads the requests of OTLP profiles in a file: protobuf in any layout, or JSON. Those without profiles are passed over. */
export async function readOtlp(bytes: Uint8Array): Promise<OtlpFile | FileProblem> {
  const split = await splitRequests(bytes);
  if (split instanceof FileProblem) return split;
  const models: ProfilesModel[] = [];
  const layouts = new Set<string>();
  for (const [at, request] of split.requests.entries()) {
    const read = beginsAsJson(request) ? await readJson(request) : readProtobuf(request);
    if (read === undefined) continue;
    if (typeof read === "string") return unknown(split.requests.length === 1 ? read : `request ${at + 1}: ${read}`);
    models.push(read.model);
    layouts.add(read.layout);
  }
  if (models.length === 0) return unknown("no profiles");
  const format = [
    `${beginsAsJson(bytes) ? "otlp-json" : "otlp"} ${[...layouts].join(" and ")}`,
    ...(models.length > 1 ? [`${models.length} requests`] : []),
    ...(split.cutOff ? ["the last one cut off"] : []),
  ];
  return { models, format: format.join(", ") };
}

/** Undefined for a request without profiles; why not, where it is none. */
function readProtobuf(request: Uint8Array): OtlpRequest | string | undefined {
  const detection = detectLayout(request);
  if (detection instanceof Refusal) return detection.message;
  if (detection.empty === true) return undefined;
  const model = readProfiles(request, detection.layout);
  return model instanceof ParseError ? model.message : { model, layout: detection.layout };
}

async function readJson(document: Uint8Array): Promise<OtlpRequest | string> {
  const { profilesJsonToProtobuf } = await loadTranscoder();
  const transcoded = profilesJsonToProtobuf(document, new BufferPool());
  if (transcoded instanceof Refusal || transcoded instanceof ParseError) return transcoded.message;
  // The model refers to the bytes, and the buffer is the pool's.
  const copy = transcoded.buffer.bytes.slice();
  transcoded.buffer.release();
  const { layout } = transcoded.detection;
  const model = readProfiles(copy, layout);
  return model instanceof ParseError ? model.message : { model, layout };
}

function unknown(why: string): FileProblem {
  return new FileProblem(
    `this is no profile that podflame knows: ${why}`,
    "pprof, OTLP (protobuf or JSON), folded stacks, speedscope, perf script and .cpuprofile can be opened",
  );
}
