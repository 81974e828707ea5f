/** Entry of the worker that reads one file and answers about it until the page ends it. */
import "./node-shims.ts";
import { FileSession } from "./file-session.ts";
import type { Request, Response } from "./messages.ts";

/** What is used of a worker's global scope; the page's types have no such. */
interface WorkerScope {
  postMessage(message: Response, transfer: readonly ArrayBufferLike[]): void;
  addEventListener(type: "message", listener: (event: MessageEvent<Request>) => void): void;
}

const scope = globalThis as unknown as WorkerScope;
const session = new FileSession((response, move) => scope.postMessage(response, move));
scope.addEventListener("message", ({ data }) => void session.handle(data));
