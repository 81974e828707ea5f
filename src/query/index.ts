/**
 * The HTTP API over a `ProfileStore`, and the server of the page. Start with the answers in `api.ts`, then `createApi`.
 * Leaves out what profiles are kept in (`#store`) and the page itself (`web/`).
 */
export type * from "./api.ts";
export { createApi, type ApiSettings, type ServedFile } from "./http/api.ts";
export { serve, type Endpoint, type ServedApi } from "./http/serve.ts";
