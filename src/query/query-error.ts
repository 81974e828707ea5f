import { StoreError, type StoreErrorKind } from "#store";

/** What went wrong with a request, for whoever sent it. `message` says what, `remedy` what to do. */
export class QueryError extends Error {
  override readonly name = "QueryError";
  /** E.g. `invalid`; stands in the answer. */
  readonly kind: QueryErrorKind;
  /** What to do about it; a sentence or empty. */
  readonly remedy: string;

  constructor(kind: QueryErrorKind, message: string, remedy = "", options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
    this.remedy = remedy;
  }
}

export type QueryErrorKind =
  | StoreErrorKind
  | "forbidden"
  | "not-found"
  | "method"
  | "timeout"
  | "too-large"
  | "unsupported"
  | "unimplemented"
  | "internal";

/** HTTP status by kind. 499 is what proxies log for a client that went away; nobody reads it. */
const STATUS: Readonly<Record<QueryErrorKind, number>> = {
  invalid: 400,
  forbidden: 403,
  "not-found": 404,
  method: 405,
  "too-large": 413,
  unsupported: 415,
  limit: 422,
  overloaded: 429,
  cancelled: 499,
  internal: 500,
  corrupt: 500,
  unimplemented: 501,
  unavailable: 503,
  timeout: 504,
};

const REMEDY: Readonly<Partial<Record<QueryErrorKind, string>>> = {
  limit: "Ask for a shorter time, fewer groups or a longer step.",
  overloaded: "Try again in a few seconds.",
  unavailable: "Try again in a few seconds.",
  corrupt: "The log of the store says which file is damaged.",
};

export function statusOf(kind: QueryErrorKind): number {
  return STATUS[kind];
}

/** Any error as one that can be told; what is no refusal of ours is `internal`. */
export function asQueryError(error: unknown): QueryError {
  if (error instanceof QueryError) return error;
  if (error instanceof StoreError) {
    return new QueryError(error.kind, error.message, REMEDY[error.kind] ?? "", { cause: error });
  }
  return new QueryError("internal", "the server failed to answer; its log says why", "", { cause: error });
}
