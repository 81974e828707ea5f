import { ParseError } from "#wire";
import { detectLayout } from "../profiles/detect-layout.ts";
import { type DetectionPrior, Refusal } from "../profiles/detection.ts";
import type { Layout } from "../profiles/layout.ts";
import { readProfiles } from "../profiles/read-profiles.ts";
import type { Loss } from "./losses.ts";
import { type RegroupOptions, regroupByContainer } from "./regroup.ts";
import { isOld } from "./upgrade-profiles.ts";
import type { WritableLayout } from "./wire-numbers.ts";
import { type WriteOptions, writeProfiles } from "./write-profiles.ts";

/** How a request is converted. */
export interface ConvertOptions extends WriteOptions {
  /** What is known about the sender, for requests whose bytes fit several layouts. */
  readonly prior?: DetectionPrior;
  /** Requests older than D8 whose samples name their containers get a resource for each; default true. */
  readonly regroup?: boolean;
  readonly regroupOptions?: RegroupOptions;
}

/** A request in the wanted layout. */
export interface ConvertedRequest {
  /** The very bytes that were given, where they are in that layout already. None, where there is no profile in them. */
  readonly bytes: Uint8Array;
  readonly from: Layout;
  readonly losses: readonly Loss[];
}

/**
 * Recognizes, reads and writes an export request of profiles in another layout. A request that is in it already is
 * handed back as it is; of one without profiles nothing is left, since its tables may be those of another layout. The
 * error says what is wrong with the bytes.
 */
export function convertRequest(
  bytes: Uint8Array,
  layout: WritableLayout,
  options: ConvertOptions = {},
): ConvertedRequest | ParseError {
  const detected = detectLayout(bytes, options.prior);
  if (detected instanceof Refusal) return detected.problem;
  const from = detected.layout;
  if (detected.empty) return { bytes: NOTHING, from, losses: [] };
  if (from === layout || detected.candidates.includes(layout)) return { bytes, from, losses: [] };
  const model = readProfiles(bytes, from);
  if (model instanceof ParseError) return model;
  const regroup = options.regroup !== false && isOld(from);
  const split = regroup ? regroupByContainer(model, options.regroupOptions) : { model, losses: [] };
  const written = writeProfiles(split.model, layout, options);
  if (written instanceof ParseError) return written;
  return { bytes: written.bytes, from, losses: [...split.losses, ...written.losses] };
}

const NOTHING = new Uint8Array(0);
