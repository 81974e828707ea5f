import { describe, expect, test } from "vitest";
import { encodeJsonStatus, encodeResponse, encodeStatus } from "#otlp";
import { GrpcStatus } from "#transport";
import { outcomeOf } from "./call-outcome.ts";
import { SENT } from "./outcome.ts";

describe("what an answer means for the payload", () => {
  test.each(Object.entries(GrpcStatus).filter(([name]) => name !== "OK"))("gRPC %s", (name, grpcStatus) => {
    const retryable = ["CANCELLED", "DEADLINE_EXCEEDED", "ABORTED", "OUT_OF_RANGE", "UNAVAILABLE", "DATA_LOSS"];
    const outcome = outcomeOf({ grpcStatus, message: "why" });
    expect(outcome).toMatchObject({
      kind: retryable.includes(name) ? "retryable" : "permanent",
      message: `gRPC status ${name}: why`,
    });
  });

  test("RESOURCE_EXHAUSTED is retryable only where the server names a delay", () => {
    const grpcStatus = GrpcStatus.RESOURCE_EXHAUSTED;
    expect(outcomeOf({ grpcStatus, message: "", retryAfterMs: 0 })).toEqual({
      kind: "retryable",
      message: "gRPC status RESOURCE_EXHAUSTED",
      overloaded: true,
      retryAfterMs: 0,
    });
    expect(outcomeOf({ grpcStatus, message: "" })).toMatchObject({ kind: "permanent" });
  });

  test.each([
    [400, "permanent"],
    [401, "permanent"],
    [302, "permanent"],
    [404, "permanent"],
    [413, "permanent"],
    [429, "retryable"],
    [500, "permanent"],
    [501, "permanent"],
    [502, "retryable"],
    [503, "retryable"],
    [504, "retryable"],
  ])("HTTP %i is %s", (httpStatus, kind) => {
    expect(outcomeOf({ httpStatus, message: "HTTP it is" })).toMatchObject({ kind, message: "HTTP it is" });
  });

  test.each([
    ["protobuf", encodeStatus({ code: 3, message: "no spans" })],
    ["JSON", Buffer.from(encodeJsonStatus({ code: 3, message: "no spans" }))],
  ])("the reason in an HTTP body of %s is told", (_kind, body) => {
    const outcome = outcomeOf({ httpStatus: 400, message: "HTTP 400 Bad Request", body });
    expect(outcome).toMatchObject({ message: "HTTP 400 Bad Request: no spans" });
  });

  test("the page of a proxy is not", () => {
    const outcome = outcomeOf({ httpStatus: 502, message: "HTTP 502", body: Buffer.from("<html>Bad Gateway</html>") });
    expect(outcome).toMatchObject({ message: "HTTP 502" });
  });

  test("a connection that failed first is retryable", () => {
    const cause = new Error("connect ECONNREFUSED");
    expect(outcomeOf({ message: cause.message, cause })).toMatchObject({ kind: "retryable", cause });
  });

  test("success without a body costs no object", () => {
    expect(outcomeOf({ grpcStatus: GrpcStatus.OK, message: "" })).toBe(SENT);
    expect(outcomeOf({ httpStatus: 200, message: "", body: new Uint8Array(0) })).toBe(SENT);
  });

  test("partial success is read from the answer", () => {
    const body = encodeResponse({ rejected: 3, message: "old" });
    expect(outcomeOf({ grpcStatus: GrpcStatus.OK, message: "", body })).toEqual({
      kind: "sent",
      partial: { rejected: 3, message: "old" },
    });
  });

  test("an answer that cannot be read doesn't undo the success", () => {
    const body = new Uint8Array([0x0a, 0x7f]);
    const outcome = outcomeOf({ httpStatus: 200, message: "", body });
    expect(outcome).toMatchObject({ kind: "sent", partial: { rejected: 0 } });
  });
});
