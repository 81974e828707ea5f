import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatHostPort, parseHostPort, parseTarget, plainAddress } from "./address.ts";
import {
  decodeGrpcMessage,
  decodeRetryDetails,
  encodeGrpcMessage,
  encodeRetryDetails,
  formatGrpcTimeout,
  parseGrpcTimeout,
} from "./grpc-wire.ts";

describe("grpc-timeout", () => {
  test.each([
    ["100m", 100],
    ["5S", 5000],
    ["2M", 120_000],
    ["1H", 3_600_000],
    ["1500u", 1.5],
    ["2000000n", 2],
    ["", undefined],
    ["5", undefined],
    ["5s", undefined],
    ["-5S", undefined],
    ["123456789S", undefined],
  ])("%s is %s ms", (text, ms) => expect(parseGrpcTimeout(text)).toBe(ms));

  test("what is written is never shorter than meant, and can be read", () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1e10, noNaN: true }), (ms) => {
        return parseGrpcTimeout(formatGrpcTimeout(ms))! >= ms;
      }),
    );
  });
});

describe("grpc-message", () => {
  test("any text comes back, over printable ASCII", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        const encoded = encodeGrpcMessage(text);
        return /^[\x20-\x7e]*$/.test(encoded) && decodeGrpcMessage(encoded) === text;
      }),
    );
  });

  test("what is no escape stays as it is", () => {
    expect(decodeGrpcMessage("50%, 100%zz and %41%")).toBe("50%, 100%zz and A%");
  });
});

describe("grpc-status-details-bin", () => {
  test("a delay comes back", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 86_400_000 }), (ms) => {
        return decodeRetryDetails(encodeRetryDetails(8, "full", ms)) === ms;
      }),
    );
  });

  test("any bytes are read without throwing", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        const ms = decodeRetryDetails(Buffer.from(bytes).toString("base64"));
        return ms === undefined || ms >= 0;
      }),
    );
  });
});

describe("addresses", () => {
  test.each([
    ["localhost:4317", { host: "localhost", port: 4317 }],
    [":4317", { host: undefined, port: 4317 }],
    ["[::1]:0", { host: "::1", port: 0 }],
    ["localhost", undefined],
    ["localhost:99999", undefined],
    ["::1:4317", undefined],
    ["http://localhost:4317", undefined],
  ])("%s to listen on", (text, address) => expect(parseHostPort(text)).toEqual(address));

  test.each([
    ["gateway:4317", { kind: "dns", host: "gateway", port: 4317, https: false }],
    ["http://gateway:4317", { kind: "dns", host: "gateway", port: 4317, https: false }],
    ["https://gateway:4317/", { kind: "dns", host: "gateway", port: 4317, https: true }],
    ["dns:///gateway:4317", { kind: "dns", host: "gateway", port: 4317, https: false }],
    ["dns://8.8.8.8/gateway:4317", { kind: "dns", host: "gateway", port: 4317, https: false }],
    ["dns:gateway:4317", { kind: "dns", host: "gateway", port: 4317, https: false }],
    ["[::1]:4317", { kind: "dns", host: "::1", port: 4317, https: false }],
    ["unix:/run/otel.sock", { kind: "unix", path: "/run/otel.sock", https: false }],
    ["unix:///run/otel.sock", { kind: "unix", path: "/run/otel.sock", https: false }],
    ["gateway", undefined],
    [":4317", undefined],
    ["xds:///gateway:4317", undefined],
    ["http://gateway:4317/path", undefined],
  ])("%s to connect to", (text, target) => expect(parseTarget(text)).toEqual(target));

  test("are shown with brackets where needed, and IPv4 plainly", () => {
    expect(formatHostPort("::1", 1)).toBe("[::1]:1");
    expect(plainAddress("::ffff:10.0.0.1")).toBe("10.0.0.1");
    expect(plainAddress("fe80::1")).toBe("fe80::1");
  });
});
