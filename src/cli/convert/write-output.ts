import { rename, rm, writeFile } from "node:fs/promises";
import { gzipSync, zstdCompressSync } from "node:zlib";
import type { WriteOptions } from "#formats";
import { loadLayouts, loadTranscoder, ParseError, type ProfilesModel, type WritableLayout } from "#otlp";
import { ExitCode, Fault } from "../exit.ts";
import { formatLosses } from "./format-losses.ts";
import type { LossReport } from "./loss-report.ts";
import type { Output } from "./output-format.ts";

/** Bytes of a result at most. */
const RESULT_LIMIT = 1 << 30;

/** How a model becomes a file. */
export interface EncodeOptions {
  /** Of OTLP; the newest by default. */
  readonly layout?: WritableLayout | undefined;
  /** For formats other than OTLP. */
  readonly format?: WriteOptions;
  /** Hears of each thing that the format has no place for. */
  readonly tell: (line: string) => void;
}

/**
 * The bytes of a file that `output` describes, compressed where its name says so.
 * @param losses takes what the conversion between layouts loses
 * @throws Fault where the result gets too large
 */
export async function encodeOutput(
  model: ProfilesModel,
  { format, coding }: Output,
  losses: LossReport,
  options: EncodeOptions,
): Promise<Uint8Array> {
  const bytes = await content(model, format, losses, options);
  if (coding === undefined) return bytes;
  return coding === "gzip" ? gzipSync(bytes) : zstdCompressSync(bytes);
}

async function content(
  model: ProfilesModel,
  format: Output["format"],
  losses: LossReport,
  { layout, format: options = {}, tell }: EncodeOptions,
): Promise<Uint8Array> {
  const layouts = await loadLayouts();
  if (format.kind === "format") {
    const upgraded = layouts.upgradeProfiles(model);
    losses.add(upgraded.losses, "");
    for (const line of formatLosses(upgraded.model, format.format.name)) tell(line);
    return format.write(upgraded.model, options);
  }
  const written = layouts.writeProfiles(model, layout ?? "D10", { maxBytes: RESULT_LIMIT });
  if (written instanceof ParseError) {
    throw new Fault(ExitCode.USER, `the result is ${written.message}; put less into one file`);
  }
  losses.add(written.losses, "");
  if (format.encoding === "protobuf") return written.bytes;
  const json = (await loadTranscoder()).protobufToJson("profiles", written.bytes);
  if (json instanceof ParseError) throw new Error(`what was written cannot be read: ${json.message}`);
  return Buffer.from(`${json}\n`);
}

/** Writes the whole file or nothing: it's there under its name only when it's complete. `-` is standard output. */
export async function writeWhole(file: string, bytes: Uint8Array): Promise<void> {
  if (file === "-") {
    if (!process.stdout.write(bytes)) await new Promise<void>((resolve) => process.stdout.once("drain", resolve));
    return;
  }
  const draft = `${file}.${process.pid}.part`;
  try {
    await writeFile(draft, bytes);
    await rename(draft, file);
  } catch (error) {
    await rm(draft, { force: true });
    throw new Fault(ExitCode.USER, `${file} cannot be written: ${(error as Error).message}`, { cause: error });
  }
}
