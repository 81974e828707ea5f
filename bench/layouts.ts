/**
 * What profiles layouts cost: node bench/layouts.ts
 * Recognizing and reading requests of 1.2 MB: the captured ones scaled to 48 resources, beside protobuf-es decoding the
 * same bytes, and the vectors of each layout with their resources repeated. Prints the fastest of many rounds; fails
 * when a layout is not recognized.
 */
import { fromBinary } from "@bufbuild/protobuf";
import { detectLayout, LAYOUTS, ParseError, readProfiles, Refusal, type Layout } from "#otlp";
import { ExportProfilesServiceRequestSchema } from "../test/generated/opentelemetry/proto/collector/profiles/v1development/profiles_service_pb.js";
import { repeated, scaled } from "./scaled-request.ts";

const ROUNDS = 40;

/** Microseconds of a run in the fastest of many: what else the machine does disturbs only some. */
function fastest(run: () => void, times = 1): number {
  let best = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    const start = process.hrtime.bigint();
    for (let time = 0; time < times; time++) run();
    best = Math.min(best, Number(process.hrtime.bigint() - start) / times / 1000);
  }
  return best;
}

function detected(bytes: Uint8Array): Layout {
  const detection = detectLayout(bytes);
  if (detection instanceof Refusal) throw new Error(detection.message);
  return detection.layout;
}

function read(bytes: Uint8Array, layout: Layout): void {
  const model = readProfiles(bytes, layout);
  if (model instanceof ParseError) throw new Error(model.message);
}

interface Measured {
  readonly detect: number;
  readonly decode: number;
}

function measure(name: string, bytes: Uint8Array, expected: readonly Layout[]): Measured {
  const layout = detected(bytes);
  if (!expected.includes(layout)) throw new Error(`${name}: taken for ${layout}`);
  fastest(() => detected(bytes), 20);
  const detect = fastest(() => detected(bytes), 20);
  const decode = fastest(() => read(bytes, layout));
  const speed = bytes.length / decode;
  const share = ((detect / decode) * 100).toFixed(2);
  console.log(
    `  ${name.padEnd(28)} detect ${detect.toFixed(0).padStart(4)} µs (${share} % of reading), ` +
      `read ${(decode / 1000).toFixed(1).padStart(5)} ms, ${speed.toFixed(0).padStart(4)} MB/s`,
  );
  return { detect, decode };
}

console.log("captured requests scaled to 48 resources and 1.2 MB");
for (const file of ["ebpf-20hz-grpc.binpb", "ebpf-20hz-grpc-v0.164.binpb"]) {
  const bytes = scaled(file);
  const { decode } = measure(file, bytes, ["D10"]);
  const theirs = fastest(() => fromBinary(ExportProfilesServiceRequestSchema, bytes));
  console.log(
    `  ${"protobuf-es".padEnd(28)} ${(theirs / 1000).toFixed(1)} ms, ${(theirs / decode).toFixed(1)} times ours`,
  );
}
console.log("vectors of each layout, resources repeated to 1.2 MB");
for (const layout of LAYOUTS) {
  const files = ["protobuf-go", ...(layout === "D6" ? [] : ["collector"])];
  for (const encoder of files) {
    const file = `${layout.toLowerCase()}/l1.${encoder}.pb`;
    measure(file, repeated(file), layout === "D4" ? ["D4", "D5"] : [layout]);
  }
}
