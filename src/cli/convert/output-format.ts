import type { Format } from "#formats";
import { ExitCode, Fault } from "../exit.ts";
import type { Coding } from "../input/compression.ts";

/** What is written: OTLP in either encoding, or a format of other tools. */
export type OutputFormat =
  | { readonly kind: "otlp"; readonly encoding: "protobuf" | "JSON" }
  | { readonly kind: "format"; readonly format: Format; readonly write: NonNullable<Format["write"]> };

/** How the file is written. */
export interface Output {
  readonly format: OutputFormat;
  readonly coding: Exclude<Coding, "deflate"> | undefined;
}

const OTLP: Readonly<Record<string, OutputFormat>> = {
  otlp: { kind: "otlp", encoding: "protobuf" },
  "otlp-json": { kind: "otlp", encoding: "JSON" },
};

/** Endings of OTLP files. `.pb` and `.pb.gz` are pprof's. */
const OTLP_ENDINGS: readonly (readonly [ending: string, format: string])[] = [
  [".otlp.json", "otlp-json"],
  [".otlp", "otlp"],
  [".binpb", "otlp"],
  [".json", "otlp-json"],
];

/**
 * What to write to a file of that name.
 *
 * @param file `-` for standard output
 * @param to the format, if the user named one
 */
export async function outputFor(file: string, to: string | undefined): Promise<Output> {
  const formats = await import("#formats");
  const name = file.toLowerCase();
  const coding = name.endsWith(".gz") ? "gzip" : name.endsWith(".zst") ? "zstd" : undefined;
  const known = [...Object.keys(OTLP), ...formats.FORMATS.filter(({ write }) => write).map(({ name: one }) => one)];
  if (to !== undefined) {
    const format = OTLP[to] ?? writable(formats.formatNamed(to));
    if (!format) throw new Fault(ExitCode.USER, `--to ${to}: expected one of ${known.join(", ")}`);
    return { format, coding: ownCoding(format) ? undefined : coding };
  }
  if (file === "-") throw new Fault(ExitCode.USER, `say what to write to standard output: --to ${known.join(" | ")}`);
  const inner = coding === undefined ? name : name.replace(/\.(?:gz|zst)$/, "");
  const [otlpEnding, otlp] = OTLP_ENDINGS.find(([ending]) => inner.endsWith(ending)) ?? ["", ""];
  const byName = formats.formatByFileName(file);
  const formatEnding = byName?.extensions.find((ending) => name.endsWith(ending) || inner.endsWith(ending)) ?? "";
  const format = formatEnding.length > otlpEnding.length ? writable(byName) : OTLP[otlp];
  if (!format) {
    throw new Fault(ExitCode.USER, `what is ${file} to be? Its name does not tell; say --to ${known.join(" | ")}`);
  }
  return { format, coding: ownCoding(format) ? undefined : coding };
}

function writable(format: Format | undefined): OutputFormat | undefined {
  return format?.write && { kind: "format", format, write: format.write };
}

/** pprof is compressed always: that is how its readers know it. */
function ownCoding(format: OutputFormat): boolean {
  return format.kind === "format" && format.format.name === "pprof";
}
