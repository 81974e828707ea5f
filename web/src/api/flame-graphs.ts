/** Flame graphs from the server, ready to be asked. */
import type { Coverage } from "../../../src/query/api.ts";
import { type FlameEngine, engineOf } from "../flame/index.ts";
import { ApiError, getBytes, type Parameters, type RequestOptions } from "./client.ts";
import { decodeFlame, FlameFormatError } from "./flame-decoding.ts";

export interface ServerFlame {
  readonly engine: FlameEngine;
  readonly coverage: Coverage;
  /** Of the second selection; diff only. */
  readonly otherCoverage: Coverage | undefined;
}

/** @param path `flamegraph` or `diff` */
export async function getFlame(
  path: "flamegraph" | "diff",
  parameters: Parameters,
  options: RequestOptions,
): Promise<ServerFlame> {
  const decoded = decodeFlame(await getBytes(path, { ...parameters, format: "binary" }, options));
  if (decoded instanceof FlameFormatError) {
    const remedy = "Reload the page: it and the server may be of different versions.";
    throw new ApiError("answer", decoded.message, remedy, { cause: decoded });
  }
  return {
    engine: engineOf(decoded.tree),
    coverage: decoded.coverage as Coverage,
    otherCoverage: decoded.otherCoverage as Coverage | undefined,
  };
}
