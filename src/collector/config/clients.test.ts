import { describe, expect, test } from "vitest";
import {
  GRPC_CLIENT_UNSUPPORTED,
  grpcClientEntries,
  grpcClientProblems,
  grpcClientSettings,
  HTTP_CLIENT_UNSUPPORTED,
  httpClientEntries,
  httpClientProblems,
  httpClientSettings,
} from "./clients.ts";
import { ExpandedValue } from "./expanded-value.ts";
import { checked, defineConfig, mapped, section } from "./fields.ts";

const grpc = defineConfig(
  mapped(checked(section(grpcClientEntries(), GRPC_CLIENT_UNSUPPORTED), grpcClientProblems), grpcClientSettings),
);
const http = defineConfig(
  mapped(checked(section(httpClientEntries(), HTTP_CLIENT_UNSUPPORTED), httpClientProblems), httpClientSettings),
);

function problems(definition: typeof grpc | typeof http, input: unknown): string[] {
  const result = definition.parse(input);
  return "problems" in result ? result.problems.map(({ path, message }) => `${path.join("::")}: ${message}`) : [];
}

function settings<C>(definition: { parse(input: unknown): { config: C } | { problems: unknown } }, input: unknown): C {
  const result = definition.parse(input);
  if ("problems" in result) throw new Error(JSON.stringify(result.problems));
  return result.config;
}

describe("a gRPC client", () => {
  test("has upstream's defaults", () => {
    expect(settings(grpc, { endpoint: "gateway:4317" })).toMatchObject({
      endpoint: "gateway:4317",
      compression: "gzip",
      compressionLevel: undefined,
      balancer: "round_robin",
      waitForReady: false,
      keepalive: { timeMs: 10_000, timeoutMs: 10_000, permitWithoutStream: false },
    });
  });

  test.each([
    ["insecure is plain text", { tls: { insecure: true } }, false],
    ["insecure with a CA is TLS", { tls: { insecure: true, ca_file: "ca.crt" } }, true],
    ["insecure with an https endpoint is TLS", { endpoint: "https://gateway:4317", tls: { insecure: true } }, true],
    ["nothing said is TLS", {}, true],
  ])("%s", (_what, input, tls) => {
    expect(settings(grpc, { endpoint: "gateway:4317", ...input }).tls !== undefined).toBe(tls);
  });

  test("keeps credentials sealed", () => {
    const read = settings(grpc, {
      endpoint: "gateway:4317",
      headers: { "X-Api-Key": new ExpandedValue(1234, "01234") },
      tls: { cert_pem: "CERT", key_pem: "KEY" },
    });
    expect(JSON.stringify(read)).not.toContain("KEY");
    expect(JSON.stringify(read)).not.toContain("01234");
    expect(read.headers!["x-api-key"]!.reveal()).toBe("01234");
    expect(read.tls!.keyPem!.reveal()).toBe("KEY");
  });

  test("takes headers as a list, too", () => {
    const read = settings(grpc, { endpoint: "gateway:4317", headers: [{ name: "A", value: "b" }] });
    expect(read.headers!["a"]!.reveal()).toBe("b");
  });

  test.each([
    [{}, ["endpoint: is missing: expected a string", ""]],
    [{ endpoint: "gateway" }, ['endpoint: expected host:port such as "gateway:4317" or unix:///path, got "gateway"']],
    [
      { endpoint: "a:1", compression: "zlib" },
      ['compression: expected one of none, gzip, zstd, snappy, deflate, got "zlib"'],
    ],
    [
      { endpoint: "a:1", compression_params: { level: 11 } },
      ["compression_params::level: gzip has levels 1 to 9, got 11"],
    ],
    [
      { endpoint: "a:1", compression: "snappy", compression_params: { level: 1 } },
      ["compression_params::level: snappy has no levels; remove it"],
    ],
    [{ endpoint: "a:1", headers: { "a b": "c" } }, [`headers::a b: "a b" can't be the name of a header`]],
    [
      { endpoint: "a:1", headers: { a: "b\nc" } },
      ["headers::a: the value holds characters that a header can't carry (line breaks?)"],
    ],
    [
      { endpoint: "a:1", balancer_name: "grpclb" },
      ['balancer_name: expected one of round_robin, pick_first, got "grpclb"'],
    ],
    [{ endpoint: "a:1", middlewares: [] }, ['middlewares: "middlewares" is not supported by podflame yet; remove it']],
    [
      { endpoint: "a:1", tls: { min_version: "1.3", max_version: "1.2" } },
      ["tls::min_version: min_version 1.3 is above max_version 1.2"],
    ],
  ])("%j is a problem", (input, expected) => {
    expect(problems(grpc, input)).toEqual(expected.filter((text) => text !== ""));
  });
});

describe("an HTTP client", () => {
  test("has upstream's keys in both spellings", () => {
    const old = settings(http, { endpoint: "http://a:4318", idle_conn_timeout: "10s", max_idle_conns: 5 });
    expect(old).toMatchObject({ idleTimeoutMs: 10_000, maxIdleConnections: 5, disableKeepAlives: false });
    const young = settings(http, {
      endpoint: "http://a:4318",
      keepalive: { enabled: false, idle_conn_timeout: "20s" },
    });
    expect(young).toMatchObject({ idleTimeoutMs: 20_000, disableKeepAlives: true });
  });

  test.each([
    [{ endpoint: "a:4318" }, ['endpoint: expected a URL such as "http://gateway:4318", got "a:4318"']],
    [
      { endpoint: "http://a", proxy_url: "proxy" },
      ['proxy_url: expected a URL such as "http://proxy:3128", got "proxy"'],
    ],
    [{ endpoint: "http://a", cookies: {} }, ['cookies: "cookies" is not supported by podflame yet; remove it']],
  ])("%j is a problem", (input, expected) => expect(problems(http, input)).toEqual(expected));
});
