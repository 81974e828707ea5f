/**
 * Talks to the server. Every request can be aborted, tells how much has arrived, and fails with an `ApiError` that says
 * what to do. Paths are relative to the page, so that it works behind a proxy's prefix.
 */
import type { ErrorAnswer } from "../../../src/query/api.ts";

/** What went wrong, and the remedy, both fit to be shown. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  /** `unreachable` where no server answered; else the server's word. */
  readonly kind: string;
  readonly remedy: string;

  constructor(kind: string, message: string, remedy: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
    this.remedy = remedy;
  }
}

/** Parameters of a request; undefined ones are left out, lists are repeated. */
export type Parameters = Readonly<Record<string, string | number | undefined>>;

export interface RequestOptions {
  readonly signal: AbortSignal;
  /** Called with the bytes that have arrived so far. */
  readonly progress?: (received: number) => void;
}

/** Address of an endpoint, e.g. for a link to a download. */
export function apiUrl(path: string, parameters: Parameters = {}): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined && value !== "") search.set(name, String(value));
  }
  const query = search.toString();
  return `api/v1/${path}${query === "" ? "" : `?${query}`}`;
}

/** An endpoint's answer as JSON. The server's own types are trusted. */
export async function getJson<T>(path: string, parameters: Parameters, options: RequestOptions): Promise<T> {
  const bytes = await get(apiUrl(path, parameters), "application/json", options);
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as T;
  } catch (cause) {
    throw new ApiError("answer", `${path}: the answer is no JSON.`, RELOAD, { cause });
  }
}

/** An endpoint's answer as bytes. */
export async function getBytes(path: string, parameters: Parameters, options: RequestOptions): Promise<Uint8Array> {
  return get(apiUrl(path, parameters), "application/octet-stream", options);
}

const RELOAD = "Reload the page: it and the server may be of different versions.";

async function get(url: string, accept: string, { signal, progress }: RequestOptions): Promise<Uint8Array> {
  let response: Response;
  try {
    response = await fetch(url, { signal, headers: { accept } });
  } catch (cause) {
    if (signal.aborted) throw cause;
    throw new ApiError(
      "unreachable",
      "podflame's server doesn't answer.",
      "Check that podflame still runs and that this address is its own, then try again.",
      { cause },
    );
  }
  const bytes = await collect(response, signal, progress);
  if (!response.ok) throw errorOf(response, bytes);
  return bytes;
}

async function collect(
  response: Response,
  signal: AbortSignal,
  progress: ((received: number) => void) | undefined,
): Promise<Uint8Array> {
  const reader = response.body?.getReader();
  if (!reader) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let received = 0;
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      chunks.push(part.value);
      received += part.value.length;
      progress?.(received);
    }
  } catch (cause) {
    if (signal.aborted) throw cause;
    throw new ApiError("unreachable", "The connection broke off in the middle of an answer.", "Try again.", { cause });
  }
  const bytes = new Uint8Array(received);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

function errorOf(response: Response, bytes: Uint8Array): ApiError {
  const said = saidBy(bytes);
  if (said) return new ApiError(said.kind, said.message, said.remedy);
  const status = `${response.status} ${response.statusText}`.trim();
  return new ApiError(
    "answer",
    `The server answered ${status}.`,
    response.status === 404 ? RELOAD : "Its log says why; then try again.",
  );
}

function saidBy(bytes: Uint8Array): ErrorAnswer["error"] | undefined {
  try {
    const { error } = JSON.parse(new TextDecoder().decode(bytes)) as Partial<ErrorAnswer>;
    return typeof error?.message === "string" ? error : undefined;
  } catch {
    return undefined;
  }
}
