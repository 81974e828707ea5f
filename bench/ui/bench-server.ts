import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join } from "node:path";

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".json": "application/json",
};

/** Serves folders by their first path segment, and made-up files; on a free port of the loopback. Ends with its disposal. */
export async function serveBench(
  folders: Readonly<Record<string, string>>,
  files: ReadonlyMap<string, Uint8Array>,
): Promise<{ readonly url: string } & Disposable> {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    const made = files.get(pathname);
    const [, first = "", ...rest] = pathname.split("/");
    const folder = folders[first];
    const path = folder === undefined || rest.includes("..") ? undefined : join(folder, ...rest);
    if (made === undefined && (path === undefined || !existsSync(path))) return void response.writeHead(404).end();
    const body = made ?? readFileSync(path!);
    response.writeHead(200, {
      "content-type": TYPES[extname(pathname)] ?? "application/octet-stream",
      "content-length": body.length,
      "access-control-allow-origin": "*",
    });
    response.end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    [Symbol.dispose]: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
