/**
 * `node:http` without its ES module facade. To make the facade Node reads every export, and reading `WebSocket` there
 * loads undici: 8 MiB of resident memory that nothing here uses. Types come from "node:http" as ever.
 */
export const nodeHttp = process.getBuiltinModule("node:http");
