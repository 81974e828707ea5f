/** For each request of a check. Somebody is waiting, and a server that takes longer has a problem. */
export const REQUEST_TIMEOUT_MS = 10_000;
