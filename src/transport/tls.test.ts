import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { hasProgram } from "../../test/has-program.ts";
import { ManualClock } from "#telemetry";
import { createGrpcClient } from "./grpc-client.ts";
import { createGrpcServer } from "./grpc-server.ts";
import { createHttpClient } from "./http-client.ts";
import { createHttpServer } from "./http-server.ts";
import type { ClientTlsSettings, ServerTlsSettings } from "./settings.ts";
import { closed, curl, eventually, nothingLeased, testContext, type TestContext } from "./testing/transport-fixture.ts";
import { type CallResult, GrpcStatus, type Server } from "./types.ts";

const METHOD = "/test.Service/Echo";
const available = hasProgram("openssl", "version") && hasProgram("curl", "--version");
let directory: string;
const file = (name: string): string => path.join(directory, name);

/** A key and a certificate by the CA, for localhost and 127.0.0.1. */
function certify(name: string, commonName: string): void {
  const run = (...args: string[]): void => void execFileSync("openssl", args, { stdio: "pipe" });
  const request = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", `/CN=${commonName}`];
  run("req", ...request, "-keyout", file(`${name}.key`), "-out", file(`${name}.csr`));
  writeFileSync(file(`${name}.ext`), "subjectAltName=DNS:localhost,IP:127.0.0.1\n");
  const by = ["-CA", file("ca.crt"), "-CAkey", file("ca.key"), "-CAcreateserial"];
  run(
    "x509",
    "-req",
    "-in",
    file(`${name}.csr`),
    ...by,
    "-days",
    "2",
    "-extfile",
    file(`${name}.ext`),
    "-out",
    file(`${name}.crt`),
  );
}

describe.skipIf(!available)("TLS", () => {
  let context: TestContext;
  let cleanUp: (() => Promise<unknown>)[];

  beforeAll(() => {
    directory = mkdtempSync(path.join(os.tmpdir(), "podflame-tls-"));
    const ca = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
    execFileSync("openssl", [...ca, "-subj", "/CN=test CA", "-keyout", file("ca.key"), "-out", file("ca.crt")], {
      stdio: "pipe",
    });
    for (const name of ["server", "other", "client"]) certify(name, name);
  });

  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  beforeEach(() => {
    context = testContext();
    cleanUp = [];
  });

  afterEach(async () => {
    for (const step of cleanUp.reverse()) await step();
    await nothingLeased(context);
  });

  const serverTls = (more: Partial<ServerTlsSettings> = {}): ServerTlsSettings => ({
    certFile: file("server.crt"),
    keyFile: file("server.key"),
    ...more,
  });

  async function serveGrpc(tls: ServerTlsSettings): Promise<string> {
    const server = createGrpcServer(
      { endpoint: "127.0.0.1:0", tls },
      new Map([[METHOD, () => Promise.resolve({ status: GrpcStatus.OK })]]),
      context,
    );
    return listening(server);
  }

  async function serveHttp(tls: ServerTlsSettings): Promise<string> {
    const server = createHttpServer(
      { endpoint: "127.0.0.1:0", tls },
      new Map([["/v1/x", () => Promise.resolve({ status: 200, body: "hello" })]]),
      context,
    );
    return `https://${await listening(server)}`;
  }

  async function listening(server: Server): Promise<string> {
    await server.listen();
    cleanUp.push(() => closed(server));
    return server.address;
  }

  async function callGrpc(endpoint: string, tls: ClientTlsSettings): Promise<CallResult> {
    const client = createGrpcClient({ endpoint, tls }, context);
    const message = context.buffers.copyOf(Buffer.from("x"));
    const result = await client.call(METHOD, message, { timeoutMs: 3000 });
    message.release();
    await client.close();
    return result;
  }

  async function callHttp(endpoint: string, tls: ClientTlsSettings): Promise<CallResult> {
    const client = createHttpClient({ endpoint, tls }, context);
    const message = context.buffers.copyOf(Buffer.from("x"));
    const result = await client.call("/v1/x", message, { timeoutMs: 3000 });
    message.release();
    await client.close();
    return result;
  }

  test("a server is trusted by its CA, over gRPC and HTTP", async () => {
    const caFile = file("ca.crt");
    expect(await callGrpc(await serveGrpc(serverTls()), { caFile })).toMatchObject({ grpcStatus: 0 });
    const url = await serveHttp(serverTls());
    expect(await callHttp(url, { caFile })).toMatchObject({ httpStatus: 200 });
    expect(await curl("--cacert", caFile, "-d", "x", `${url}/v1/x`)).toContain("200 OK");
  });

  test("large messages arrive whole over TLS, several at once", async () => {
    const server = createGrpcServer(
      { endpoint: "127.0.0.1:0", tls: serverTls() },
      new Map([[METHOD, ({ message }) => Promise.resolve({ status: GrpcStatus.OK, body: message.bytes.slice() })]]),
      context,
    );
    const client = createGrpcClient({ endpoint: await listening(server), tls: { caFile: file("ca.crt") } }, context);
    const calls = [1, 2, 3].map(async (fill) => {
      const message = context.buffers.copyOf(Buffer.alloc(3_000_000, fill));
      const { body } = await client.call(METHOD, message, { timeoutMs: 5000 });
      expect(Buffer.from(body!).equals(message.bytes)).toBe(true);
      message.release();
    });
    await Promise.all(calls);
    await client.close();
  });

  test("a server by an unknown CA is refused, unless nobody asks", async () => {
    const grpc = await serveGrpc(serverTls());
    const refused = await callGrpc(grpc, {});
    expect(refused.grpcStatus).toBe(GrpcStatus.UNAVAILABLE);
    expect(refused.message).toContain("certificate");
    expect(await callGrpc(grpc, { insecureSkipVerify: true })).toMatchObject({ grpcStatus: 0 });
    const http = await serveHttp(serverTls());
    expect((await callHttp(http, {})).httpStatus).toBeUndefined();
    expect(await callHttp(http, { insecureSkipVerify: true })).toMatchObject({ httpStatus: 200 });
  });

  test("the name in the certificate must be the server's, or the one that is overridden", async () => {
    const caFile = file("ca.crt");
    const grpc = await serveGrpc(serverTls());
    const wrong = await callGrpc(grpc, { caFile, serverName: "elsewhere.example" });
    expect(wrong.grpcStatus).toBe(GrpcStatus.UNAVAILABLE);
    expect(wrong.message).toContain("elsewhere.example");
    expect(await callGrpc(grpc, { caFile, serverName: "localhost" })).toMatchObject({ grpcStatus: 0 });
  });

  test("mTLS takes clients with a certificate of its CA and no others", async () => {
    const mutual = serverTls({ clientCaFile: file("ca.crt") });
    const caFile = file("ca.crt");
    const own = { caFile, certFile: file("client.crt"), keyFile: file("client.key") };
    const grpc = await serveGrpc(mutual);
    expect(await callGrpc(grpc, own)).toMatchObject({ grpcStatus: 0 });
    expect((await callGrpc(grpc, { caFile })).grpcStatus).toBe(GrpcStatus.UNAVAILABLE);
    const http = await serveHttp(mutual);
    expect(await callHttp(http, own)).toMatchObject({ httpStatus: 200 });
    expect((await callHttp(http, { caFile })).httpStatus).toBeUndefined();
  });

  test("versions have bounds", async () => {
    const caFile = file("ca.crt");
    const modern = await serveGrpc(serverTls({ minVersion: "1.3" }));
    expect((await callGrpc(modern, { caFile, maxVersion: "1.2" })).grpcStatus).toBe(GrpcStatus.UNAVAILABLE);
    expect(await callGrpc(modern, { caFile })).toMatchObject({ grpcStatus: 0 });
  });

  test("cipher suites are named as IANA does", async () => {
    const caFile = file("ca.crt");
    const suites = ["TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"];
    const grpc = await serveGrpc(serverTls({ cipherSuites: suites, maxVersion: "1.2" }));
    expect(await callGrpc(grpc, { caFile })).toMatchObject({ grpcStatus: 0 });
    const other = ["TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"];
    expect((await callGrpc(grpc, { caFile, cipherSuites: other })).grpcStatus).toBe(GrpcStatus.UNAVAILABLE);
  });

  test("a changed certificate is used without a restart", async () => {
    const clock = new ManualClock();
    context = testContext(clock);
    for (const kind of ["crt", "key"]) cpSync(file(`server.${kind}`), file(`live.${kind}`));
    const url = await serveHttp({ certFile: file("live.crt"), keyFile: file("live.key"), reloadIntervalMs: 1000 });
    const subject = async (): Promise<string> => {
      const output = await curl("-v", "-k", "--stderr", "-", "-d", "x", `${url}/v1/x`);
      return /subject: CN=(\w+)/.exec(output)![1]!;
    };
    expect(await subject()).toBe("server");
    for (const kind of ["crt", "key"]) {
      cpSync(file(`other.${kind}`), file(`live.${kind}`));
      utimesSync(file(`live.${kind}`), new Date(), new Date(Date.now() + 10_000));
    }
    await clock.advance(1000);
    await eventually(() => expect(clock.pending).toBeGreaterThan(0));
    expect(await subject()).toBe("other");
  });

  test("files that can't be used fail the start, by name", async () => {
    const missing = createGrpcServer(
      { endpoint: "127.0.0.1:0", tls: { certFile: file("nowhere.crt"), keyFile: file("server.key") } },
      new Map(),
      context,
    );
    await expect(missing.listen()).rejects.toThrow(`tls: cert_file ${file("nowhere.crt")} can't be read`);
    const tls = { certFile: file("server.crt"), keyFile: file("client.key") };
    expect(() => createGrpcClient({ endpoint: "a:1", tls }, context)).toThrow("certificate and key can't be used");
  });
});
