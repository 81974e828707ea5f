/** The HTTP API over a `ProfileStore`. Start with the answers in `api.ts`. */
export type * from "./api.ts";
