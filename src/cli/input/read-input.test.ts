import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync, zstdCompressSync, deflateSync } from "node:zlib";
import { afterAll, describe, expect, test } from "vitest";
import { readInput, type InputProblem, type InputRequest } from "./read-input.ts";

const VECTORS = new URL("../../../testdata/otlp-profiles/", import.meta.url);
const vector = (name: string): Buffer => readFileSync(new URL(name, VECTORS));
const small = vector("d10/l4-index-zero.protobuf-go.pb");
const large = vector("d9/l1.collector.pb");
const json = Buffer.from(JSON.stringify(JSON.parse(vector("d10/l1.collector.json").toString())));

const folder = mkdtempSync(join(tmpdir(), "podflame-input-"));
afterAll(() => rmSync(folder, { recursive: true }));

async function read(content: Uint8Array): Promise<(InputRequest | InputProblem)[]> {
  const file = join(folder, "input");
  writeFileSync(file, content);
  return partsOf(file);
}

async function partsOf(file: string): Promise<(InputRequest | InputProblem)[]> {
  const parts: (InputRequest | InputProblem)[] = [];
  for await (const part of readInput(file)) parts.push(part);
  return parts;
}

/** Sizes of the requests, words of the problems. */
async function outline(content: Uint8Array): Promise<(number | string)[]> {
  const parts = await read(content);
  return parts.map((part) => (part.kind === "request" ? part.bytes.length : part.message));
}

async function expectRequests(
  content: Uint8Array,
  wrapping: readonly string[],
  requests: readonly Buffer[],
): Promise<void> {
  const parts = await read(content);
  expect(parts.map((part) => (part.kind === "request" ? Buffer.from(part.bytes) : part.message))).toEqual(requests);
  expect(new Set(parts.map((part) => part.kind === "request" && part.wrapping.join(", ")))).toEqual(
    new Set([wrapping.join(", ")]),
  );
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (; value >= 0x80; value = Math.floor(value / 0x80)) bytes.push((value % 0x80) | 0x80);
  return Buffer.from([...bytes, value]);
}

const lengths = (...requests: Buffer[]): Buffer => Buffer.concat(requests.flatMap((one) => [uint32(one.length), one]));
const varints = (...requests: Buffer[]): Buffer => Buffer.concat(requests.flatMap((one) => [varint(one.length), one]));
const frame = (content: Buffer, flag = 0): Buffer => Buffer.concat([Buffer.of(flag), uint32(content.length), content]);
const http = (body: Buffer, ...headers: string[]): Buffer =>
  Buffer.concat([
    Buffer.from(
      ["POST /v1development/profiles HTTP/1.1", "Host: x", ...headers, `Content-Length: ${body.length}`, "", ""].join(
        "\r\n",
      ),
    ),
    body,
  ]);

describe("a file of one request", () => {
  test.each([
    ["as it is", large, []],
    ["of zero bytes", Buffer.alloc(0), []],
    ["as JSON", json, []],
    ["as JSON for people", Buffer.from(JSON.stringify(JSON.parse(json.toString()), null, 2)), []],
    ["behind gzip", gzipSync(large), ["gzip"]],
    ["behind zstd", zstdCompressSync(large), ["zstd"]],
    ["behind zstd in gzip", gzipSync(zstdCompressSync(large)), ["gzip", "zstd"]],
  ])("%s", async (_name, content, wrapping) => {
    const [part, ...others] = await read(content);
    expect(others).toEqual([]);
    expect(part).toMatchObject({ kind: "request", wrapping });
  });

  test("behind three codings is refused with a remedy", async () => {
    expect(await outline(gzipSync(gzipSync(gzipSync(large))))).toEqual([
      "is compressed more than 2 times (gzip in gzip); uncompress it first",
    ]);
  });
});

test("vectors of every layout are taken as one request each, none for frames", async () => {
  const manifest = JSON.parse(vector("manifest.json").toString()) as { file: string }[];
  for (const { file } of manifest.filter((entry) => /\.(?:pb|json)$/.test(entry.file))) {
    const content = vector(file);
    expect([file, await outline(content)]).toEqual([file, [content.length]]);
  }
});

describe("a file of several requests", () => {
  test.each([
    ["gRPC frames", Buffer.concat([frame(small), frame(large), frame(small)]), ["gRPC frames"]],
    ["4-byte lengths", lengths(small, large, small), ["4-byte lengths"]],
    ["varint lengths", varints(small, large, small), ["varint lengths"]],
    ["4-byte lengths in gzip", gzipSync(lengths(small, large, small)), ["gzip", "4-byte lengths"]],
    [
      "4-byte lengths around zstd, as the file exporter writes",
      lengths(...[small, large, small].map((one) => zstdCompressSync(one))),
      ["4-byte lengths", "zstd"],
    ],
    [
      "compressed gRPC frames",
      Buffer.concat([small, large, small].map((one) => frame(gzipSync(one), 1))),
      ["gRPC frames", "gzip"],
    ],
    [
      "HTTP requests",
      Buffer.concat([small, large, small].map((one) => http(one))),
      ["HTTP POST /v1development/profiles"],
    ],
    [
      "HTTP requests with content coding",
      Buffer.concat([small, large, small].map((one) => http(deflateSync(one), "Content-Encoding: deflate"))),
      ["HTTP POST /v1development/profiles", "deflate"],
    ],
  ])("%s", async (_name, content, wrapping) => {
    await expectRequests(content, wrapping, [small, large, small]);
  });

  test("of every vector in varints, which begin as many other things do", async () => {
    const manifest = JSON.parse(vector("manifest.json").toString()) as { file: string }[];
    const all = manifest
      .map(({ file }) => file)
      .filter((file) => file.endsWith(".pb"))
      .map(vector);
    for (const one of all.filter(({ length }) => length > 0)) {
      await expectRequests(varints(one, one), ["varint lengths"], [one, one]);
      await expectRequests(lengths(one, one), ["4-byte lengths"], [one, one]);
      await expectRequests(Buffer.concat([frame(one), frame(one)]), ["gRPC frames"], [one, one]);
      await expectRequests(frame(one), ["gRPC frames"], [one]);
    }
  });

  test("lines of JSON, empty ones between them", async () => {
    const content = Buffer.concat([json, Buffer.from("\n\r\n"), json, Buffer.from("\n")]);
    await expectRequests(content, ["JSON lines"], [json, json]);
    expect((await read(content)).map(({ place }) => place.replace(/^.*:/, ""))).toEqual(["1", "3"]);
  });

  test("chunked HTTP bodies with trailers", async () => {
    const chunked = Buffer.concat([
      Buffer.from("POST /v1/profiles?x=1 HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n\r\n"),
      Buffer.from(`${gzipSync(small).length.toString(16)};x=y\r\n`),
      gzipSync(small),
      Buffer.from("\r\n0\r\nX-Trailer: 1\r\n\r\n"),
    ]);
    const [first, second] = await read(Buffer.concat([chunked, http(large)]));
    expect(first).toMatchObject({ wrapping: ["HTTP POST /v1/profiles", "gzip"], http: { path: "/v1/profiles" } });
    expect(Buffer.from((first as InputRequest).bytes)).toEqual(small);
    expect(Buffer.from((second as InputRequest).bytes)).toEqual(large);
  });
});

describe("a part that cannot be had", () => {
  test("doesn't take its neighbors with it", async () => {
    const broken = gzipSync(large).subarray(0, 100);
    expect(await outline(Buffer.concat([frame(small), frame(broken, 1), frame(large)]))).toEqual([
      small.length,
      "gzip data ends too early",
      large.length,
    ]);
    expect(await outline(Buffer.concat([frame(small), frame(small, 1), frame(large)]))).toEqual([
      small.length,
      "is compressed, but neither as gzip nor as zstd; capture without compression",
      large.length,
    ]);
  });

  test("at the end of a file that was cut off is told with its place", async () => {
    const content = lengths(small, large);
    const parts = await read(content.subarray(0, content.length - 10));
    expect(parts[0]).toMatchObject({ kind: "request" });
    expect(parts[1]).toEqual({
      kind: "problem",
      place: `${join(folder, "input")}: request 2 at byte ${small.length + 4}`,
      message: `should have ${large.length} bytes, but the file ends after ${large.length - 10}: it was cut off`,
    });
  });

  test("inside of damaged compressed data is told, and what came before it is kept", async () => {
    const content = gzipSync(lengths(...Array.from({ length: 200 }, () => large)), { level: 0 });
    const parts = await outline(content.subarray(0, content.length >>> 1));
    expect(parts.filter((part) => part === large.length).length).toBeGreaterThan(90);
    expect(parts.at(-1)).toBe(
      "gzip data ends too early; what came before it was read. Was the file cut off while it was copied?",
    );
  });

  test("of HTTP is told with a remedy", async () => {
    expect(await outline(http(large).subarray(0, 200))).toEqual([
      expect.stringMatching(/^the body should have \d+ bytes/),
    ]);
    expect(await outline(Buffer.from("HTTP/1.1 200 OK\r\n\r\n"))).toEqual([
      "an HTTP response stands here, not a request; capture what the client sends",
    ]);
    expect(await outline(http(large, "Content-Encoding: br"))).toEqual([
      'content-encoding "br" is not gzip, zstd or deflate',
    ]);
  });

  test("because there is no file, or it is a folder", async () => {
    expect(await partsOf(join(folder, "none"))).toEqual([
      { kind: "problem", place: join(folder, "none"), message: "there is no such file" },
    ]);
    expect(await partsOf(folder)).toEqual([
      { kind: "problem", place: folder, message: "is a folder; name the files in it" },
    ]);
  });
});

test("any bytes give requests or problems, never an exception", async () => {
  const whole = Buffer.concat([frame(small), frame(gzipSync(large), 1)]);
  for (const content of [whole, lengths(small, large), varints(small, large), gzipSync(large), http(small), json]) {
    for (let at = 0; at < 60; at++) {
      const damaged = Buffer.from(content);
      damaged[at % damaged.length]! ^= 1 << (at % 8);
      await read(damaged);
      await read(content.subarray(0, at));
    }
  }
});
