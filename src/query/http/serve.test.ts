import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ProfileStore, StackSums } from "#store";
import { StoreError } from "#store";
import type { ErrorAnswer, StatusAnswer } from "../api.ts";
import { type DemoApi, demoApi } from "../testing/demo-api.ts";
import { createApi } from "./api.ts";
import { isHostAllowed } from "./security.ts";
import { type ServedApi, serve } from "./serve.ts";

let api: DemoApi;
let served: ServedApi;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "podflame-assets-"));
  await mkdir(join(folder, "web/assets"), { recursive: true });
  await writeFile(join(folder, "secret.txt"), "secret");
  await writeFile(join(folder, "web/index.html"), "<!doctype html><title>page</title>");
  await writeFile(join(folder, "web/assets/app-a1b2c3d4.js"), "export {};");
  await symlink(join(folder, "secret.txt"), join(folder, "web/link.txt"));
  api = await demoApi({
    assets: join(folder, "web"),
    allowedHosts: ["podflame.monitoring.svc"],
    files: [{ name: "a.folded", bytes: 9, read: () => Promise.resolve(Buffer.from("main;a 1\n")) }],
  });
  served = await serve(api.app, { host: "127.0.0.1", port: 0 });
});

afterAll(async () => {
  await served.close();
  await api.store.close();
  await rm(folder, { recursive: true });
});

/** A request whose headers are what they are told to be, which fetch doesn't allow. */
function raw(
  path: string,
  headers: Record<string, string>,
): Promise<{ status: number; body: Buffer; headers: Record<string, unknown> }> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(`${served.url}${path}`, { headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () =>
        resolve({ status: response.statusCode!, body: Buffer.concat(chunks), headers: response.headers }),
      );
    });
    request.on("error", reject);
    request.end();
  });
}

describe("who may ask", () => {
  test.for([
    ["127.0.0.1:4040", 200],
    ["localhost:4040", 200],
    ["LOCALHOST", 200],
    ["app.localhost", 200],
    ["[::1]:4040", 200],
    ["192.168.7.9", 200],
    ["podflame.monitoring.svc:4040", 200],
    ["evil.example", 403],
    ["127.0.0.1.evil.example", 403],
    ["localhost.evil.example:4040", 403],
  ] as const)("a request for host %s gets %i", async ([host, status]) => {
    const response = await raw("api/v1/status", { host });
    expect(response.status).toBe(status);
    if (status === 403) expect(JSON.parse(response.body.toString())).toMatchObject({ error: { kind: "forbidden" } });
  });

  test.for([
    [{ "sec-fetch-site": "same-origin" }, 200],
    [{ "sec-fetch-site": "none" }, 200],
    [{ "sec-fetch-site": "cross-site" }, 403],
    [{ "sec-fetch-site": "same-site" }, 403],
    [{ origin: "https://evil.example" }, 403],
    [{ origin: "null" }, 403],
  ] as const)("a page that says %o gets %i", async ([headers, status]) => {
    expect((await raw("api/v1/status", headers)).status).toBe(status);
  });

  test("what is no host at all is not allowed", () => {
    for (const host of ["", "[::1", "evil.example:x", "a b", "localhost/x"]) {
      expect(isHostAllowed(host, new Set())).toBe(false);
    }
    expect(isHostAllowed("anything.example", new Set(["*"]))).toBe(true);
  });

  test("a page of one's own may ask, and no other is told that it may", async () => {
    const response = await raw("api/v1/status", { origin: served.url.slice(0, -1) });
    expect(response.status).toBe(200);
    expect(response.headers).not.toHaveProperty("access-control-allow-origin");
  });

  test("a link from elsewhere may lead to the page", async () => {
    expect((await raw("", { "sec-fetch-site": "cross-site" })).status).toBe(200);
  });
});

describe("the page", () => {
  test("is served with a policy that lets nothing in from elsewhere", async () => {
    const { status, headers, body } = await raw("", {});
    expect(status).toBe(200);
    expect(body.toString()).toContain("<title>page");
    expect(headers["content-security-policy"]).toContain("default-src 'none'");
    expect(headers["x-content-type-options"]).toBe("nosniff");
    expect(headers["cache-control"]).toBe("no-cache");
  });

  test("has files that may be kept for ever when their name holds a hash", async () => {
    const { headers } = await raw("assets/app-a1b2c3d4.js", {});
    expect(headers["cache-control"]).toContain("immutable");
    expect(headers["content-type"]).toBe("text/javascript; charset=utf-8");
  });

  test("isn't sent again when the browser has it", async () => {
    const { headers } = await raw("", {});
    const again = await raw("", { "if-none-match": String(headers["etag"]) });
    expect([again.status, again.body.length]).toEqual([304, 0]);
  });

  test.for([
    "../secret.txt",
    "..%2fsecret.txt",
    "%2e%2e/secret.txt",
    "link.txt",
    "assets/../../secret.txt",
    ".hidden",
    "%00",
    "%zz",
  ])("%s leads nowhere", async (path) => {
    const { status, body } = await raw(path, {});
    expect(status).toBe(404);
    expect(body.toString()).not.toContain("secret\n");
  });

  test("is told which files it shall open", async () => {
    const status = JSON.parse((await raw("api/v1/status", {})).body.toString()) as StatusAnswer;
    expect(status.files).toEqual([{ name: "a.folded", bytes: 9 }]);
    expect((await raw("api/v1/files/0", {})).body.toString()).toBe("main;a 1\n");
  });
});

describe("answers", () => {
  test("are compressed as the client can read it", async () => {
    const plain = await raw("api/v1/flamegraph?format=binary", {});
    const gzip = await raw("api/v1/flamegraph?format=binary", { "accept-encoding": "gzip, deflate, br" });
    const zstd = await raw("api/v1/flamegraph?format=binary", { "accept-encoding": "gzip, zstd" });
    const refused = await raw("api/v1/flamegraph?format=binary", { "accept-encoding": "zstd;q=0, gzip;q=0" });
    expect(gzip.headers["content-encoding"]).toBe("gzip");
    expect(zstd.headers["content-encoding"]).toBe("zstd");
    expect(refused.headers["content-encoding"]).toBeUndefined();
    expect(gunzipSync(gzip.body)).toEqual(plain.body);
    expect(zstdDecompressSync(zstd.body)).toEqual(plain.body);
    expect(gzip.body.length).toBeLessThan(plain.body.length / 2);
  });

  test("are not kept by anybody on the way", async () => {
    expect((await raw("api/v1/status", {})).headers["cache-control"]).toBe("no-store");
  });
});

describe("slow questions", () => {
  /** A store whose sums wait until they are let go or cancelled. */
  function slowStore() {
    const waiting: { readonly signal: AbortSignal; readonly letGo: () => void }[] = [];
    const store: ProfileStore = Object.create(api.store, {
      profileTypes: { value: () => api.store.profileTypes({ from: 0, to: 9e12 }) },
      resolve: { value: () => Promise.resolve([]) },
      sum: {
        value: ({ signal }: { readonly signal: AbortSignal }) =>
          new Promise<StackSums>((resolve, reject) => {
            const letGo = (): void =>
              resolve({
                nodes: { length: 1, parent: new Uint32Array(1), frame: new Uint32Array(1), isMarked: () => false },
                frames: {
                  at: () => {
                    throw new Error("no frames");
                  },
                },
                length: 0,
                group: new Uint32Array(0),
                node: new Uint32Array(0),
                value: new Float64Array(0),
                plan: { covered: { from: 0, to: 1 }, tiers: [], blocks: 0, rows: 0, gaps: [] },
              });
            waiting.push({ signal, letGo });
            signal.addEventListener("abort", () => reject(new StoreError("cancelled", "cancelled")));
          }),
      },
      state: { value: () => api.store.state() },
    }) as ProfileStore;
    return { store, waiting };
  }

  const status = () => ({ version: "test", mode: { kind: "live", reason: "", remedy: "" } }) as const;

  test("are cancelled when nobody waits any more", async () => {
    const { store, waiting } = slowStore();
    const own = await serve(createApi({ store, status }), { host: "127.0.0.1", port: 0 });
    const leaving = new AbortController();
    const asked = fetch(`${own.url}api/v1/flamegraph`, { signal: leaving.signal }).catch((error: unknown) => error);
    await expect.poll(() => waiting.length).toBe(1);
    leaving.abort();
    await asked;
    await expect.poll(() => waiting[0]!.signal.aborted).toBe(true);
    await own.close();
  });

  test("end when their time is up, with what to do", async () => {
    const { store } = slowStore();
    const app = createApi({ store, status, admission: { timeoutMs: 20 } });
    const response = await app.request("http://127.0.0.1/api/v1/flamegraph");
    expect(response.status).toBe(504);
    expect(((await response.json()) as ErrorAnswer).error).toMatchObject({ kind: "timeout" });
  });

  test("are so many at a time; then some wait, and the rest is told to come later", async () => {
    const { store, waiting } = slowStore();
    const app = createApi({ store, status, admission: { concurrent: 2, waiting: 1 } });
    const ask = () => Promise.resolve(app.request("http://127.0.0.1/api/v1/flamegraph"));
    const running = [ask(), ask()];
    await expect.poll(() => waiting.length).toBe(2);
    const third = ask();
    const fourth = await ask();
    expect(fourth.status).toBe(429);
    expect(fourth.headers.get("retry-after")).toBe("2");
    expect(waiting).toHaveLength(2);
    for (const { letGo } of waiting) letGo();
    await expect.poll(() => waiting.length).toBe(3);
    waiting[2]!.letGo();
    expect((await Promise.all([...running, third])).map((response) => response.status)).toEqual([200, 200, 200]);
  });

  test("that fail by our own fault say so without saying how, and tell whoever runs the server", async () => {
    const told: unknown[] = [];
    const store = Object.create(api.store, {
      profileTypes: { value: () => Promise.reject(new Error("disk on fire")) },
    }) as ProfileStore;
    const app = createApi({ store, status, onInternalError: (error) => told.push(error) });
    const response = await app.request("http://127.0.0.1/api/v1/profile_types");
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain("fire");
    expect(told).toEqual([new Error("disk on fire")]);
  });

  test.for([
    ["unavailable", 503],
    ["overloaded", 429],
    ["invalid", 400],
    ["limit", 422],
    ["corrupt", 500],
  ] as const)("that the store refuses as %s get %i", async ([kind, expected]) => {
    const store = Object.create(api.store, {
      profileTypes: { value: () => Promise.reject(new StoreError(kind, "why")) },
    }) as ProfileStore;
    const response = await createApi({ store, status }).request("http://127.0.0.1/api/v1/profile_types");
    expect(response.status).toBe(expected);
    expect(((await response.json()) as ErrorAnswer).error).toMatchObject({ kind, message: "why" });
  });
});

test("a server that can't listen says so", async () => {
  await expect(serve(api.app, { host: "127.0.0.1", port: served.port })).rejects.toMatchObject({ code: "EADDRINUSE" });
});
