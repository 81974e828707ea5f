import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { ParseError } from "#wire";
import { ExportLogsServiceResponseSchema } from "../../test/generated/opentelemetry/proto/collector/logs/v1/logs_service_pb.js";
import { EXPERIMENTAL_PROFILES_PATHS, routeOf, SIGNAL_PATHS } from "./paths.ts";
import { decodeJsonResponse, decodeResponse, encodeJsonResponse, encodeResponse, FULL_SUCCESS } from "./response.ts";
import { SIGNALS } from "./signal.ts";
import { decodeJsonStatus, decodeStatus, encodeJsonStatus, encodeStatus } from "./status.ts";

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const PARTIAL = { rejected: 3, message: "too old" };

describe("export responses", () => {
  test("of full success are zero bytes, and an empty object in JSON", () => {
    expect(encodeResponse()).toEqual(new Uint8Array(0));
    expect(encodeJsonResponse("traces")).toBe("{}");
    expect(decodeResponse(new Uint8Array(0))).toEqual(FULL_SUCCESS);
    expect(decodeJsonResponse("traces", encode("{}"))).toEqual(FULL_SUCCESS);
  });

  test("with a partial success are what protobuf-es writes and reads", () => {
    const message = fromBinary(ExportLogsServiceResponseSchema, encodeResponse(PARTIAL));
    expect(message.partialSuccess).toMatchObject({ rejectedLogRecords: 3n, errorMessage: "too old" });
    const theirs = create(ExportLogsServiceResponseSchema, {
      partialSuccess: { rejectedLogRecords: 3n, errorMessage: "too old" },
    });
    expect(decodeResponse(toBinary(ExportLogsServiceResponseSchema, theirs))).toEqual(PARTIAL);
  });

  test.each([
    ["traces", "rejectedSpans", "rejected_spans"],
    ["metrics", "rejectedDataPoints", "rejected_data_points"],
    ["logs", "rejectedLogRecords", "rejected_log_records"],
    ["profiles", "rejectedProfiles", "rejected_profiles"],
  ] as const)("of %s call what was rejected %s in JSON, and %s is read too", (signal, name, snake) => {
    expect(JSON.parse(encodeJsonResponse(signal, PARTIAL))).toEqual({
      partialSuccess: { [name]: "3", errorMessage: "too old" },
    });
    expect(decodeJsonResponse(signal, encode(encodeJsonResponse(signal, PARTIAL)))).toEqual(PARTIAL);
    const other = `{"partial_success": {"${snake}": 3, "error_message": "too old"}}`;
    expect(decodeJsonResponse(signal, encode(other))).toEqual(PARTIAL);
  });

  test.each([
    "[",
    "[]",
    '{"partialSuccess": 1}',
    '{"partialSuccess": {"rejectedSpans": "x"}}',
    '{"partialSuccess": {"errorMessage": 1}}',
  ])("that are %s are an error, not an exception", (body) => {
    expect(decodeJsonResponse("traces", encode(body))).toBeInstanceOf(ParseError);
  });

  test("that are cut off are an error", () => {
    expect(decodeResponse(encodeResponse(PARTIAL).slice(0, 5))).toBeInstanceOf(ParseError);
  });
});

describe("google.rpc.Status", () => {
  const status = { code: 14, message: "busy", retryAfterMs: 1500 };

  test("carries the delay of RetryInfo, in protobuf and in JSON", () => {
    expect(decodeStatus(encodeStatus(status))).toEqual(status);
    expect(decodeJsonStatus(encode(encodeJsonStatus(status)))).toEqual(status);
    expect(JSON.parse(encodeJsonStatus(status))).toEqual({
      code: 14,
      message: "busy",
      details: [{ "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: "1.5s" }],
    });
  });

  test("has the bytes that protoc gives it", () => {
    // As protoc --encode wrote it from the published fields of Status, Any, RetryInfo and Duration.
    const url = Buffer.from("type.googleapis.com/google.rpc.RetryInfo");
    const delay = Buffer.from("0a0808011080cab5ee01", "hex");
    const any = Buffer.concat([Buffer.of(0x0a, url.length), url, Buffer.of(0x12, delay.length), delay]);
    const expected = Buffer.concat([Buffer.from("080e1204627573791a", "hex"), Buffer.of(any.length), any]);
    expect(Buffer.from(encodeStatus(status)).toString("hex")).toBe(expected.toString("hex"));
  });

  test("is read without a delay, with details of other kinds, and with fields it doesn't know", () => {
    expect(decodeStatus(encodeStatus({ code: 3, message: "bad" }))).toEqual({ code: 3, message: "bad" });
    const json = '{"code": 3, "message": "bad", "details": [{"@type": "x"}, 5, null], "other": {}}';
    expect(decodeJsonStatus(encode(json))).toEqual({ code: 3, message: "bad" });
    expect(decodeStatus(Uint8Array.of(0x0a, 1))).toBeInstanceOf(ParseError);
    expect(decodeJsonStatus(encode('{"code": "x"}'))).toBeInstanceOf(ParseError);
  });
});

describe("routeOf", () => {
  test("knows the gRPC method and the HTTP path of every signal, and both services of profiles", () => {
    for (const signal of SIGNALS) {
      expect(routeOf(SIGNAL_PATHS[signal].grpc)?.signal).toBe(signal);
      expect(routeOf(SIGNAL_PATHS[signal].http)).toBe(routeOf(SIGNAL_PATHS[signal].grpc));
    }
    expect(routeOf(SIGNAL_PATHS.profiles.grpc)?.profilesService).toBe("v1development");
    expect(routeOf(EXPERIMENTAL_PROFILES_PATHS.grpc)?.profilesService).toBe("v1experimental");
    expect(routeOf("/v1/unknown")).toBeUndefined();
    expect(routeOf("constructor")).toBeUndefined();
  });
});
