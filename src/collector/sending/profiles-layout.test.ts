import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { detectLayout, type Layout, type Origin, type Payload, Refusal } from "#otlp";
import { testContext, testPayload } from "../testing/context.ts";
import type { SendOutcome } from "./outcome.ts";
import { type LayoutChoice, ProfilesLayout } from "./profiles-layout.ts";

const VECTORS = new URL("../../../testdata/otlp-profiles/", import.meta.url);

function vector(name: string, origin: Origin = { protocol: "grpc" }): Payload {
  return testPayload("profiles", readFileSync(new URL(`${name}.pb`, VECTORS)), origin);
}

interface Sent {
  readonly bytes: Uint8Array;
  readonly layout: Layout | "unreadable";
  readonly origin: Origin;
  readonly items: number;
}

/** An exporter's choice of layout, in front of a receiving end that answers with `answers` in turn, then takes all. */
function setup(choice: LayoutChoice, answers: SendOutcome[] = []) {
  const context = testContext("otlp_grpc/test");
  const layout = new ProfilesLayout(context, choice, "backend:4317");
  const sent: Sent[] = [];
  const send = (payload: Payload): Promise<SendOutcome> =>
    layout.send(payload, ({ bytes, origin, items }) => {
      const detected = detectLayout(bytes);
      const found = detected instanceof Refusal ? "unreadable" : detected.layout;
      sent.push({ bytes: bytes.slice(), layout: found, origin, items });
      return Promise.resolve(answers.shift() ?? { kind: "sent" });
    });
  return { context, sent, send, layouts: () => sent.map((one) => one.layout) };
}

const refused = (message: string): SendOutcome => ({ kind: "permanent", message });
const WIRE_TYPE = refused(
  "gRPC status INTERNAL: grpc: error unmarshalling request: wrong wireType = 2 for field LinkIndex",
);

describe("as_received", () => {
  test("passes the payload itself, whatever it is", async () => {
    const { send, sent } = setup("as_received");
    const payload = testPayload("profiles", Uint8Array.of(1, 2, 3));
    expect(await send(payload)).toEqual({ kind: "sent" });
    expect(sent[0]!.bytes).toEqual(payload.bytes);
  });
});

describe("a fixed layout", () => {
  test.each([
    ["1.7", "D7"],
    ["1.8", "D8"],
    ["1.9", "D9"],
    ["1.10", "D10"],
  ] as const)("%s is what every layout is written in", async (choice, layout) => {
    const { send, layouts, context } = setup(choice);
    const names = ["e/l1.collector", "d5/l1.collector", "d7/l1.collector", "d8/l1.collector", "d10/l1.protobuf-go"];
    for (const name of names) expect(await send(vector(name)), name).toEqual({ kind: "sent" });
    expect(new Set(layouts())).toEqual(new Set([layout]));
    expect(context.buffers.stats.leased).toBe(0);
  });

  test("leaves a payload in that layout as its bytes", async () => {
    const { send, sent, context } = setup("1.10");
    const payload = vector("d10/l1.collector");
    await send(payload);
    expect(sent[0]!.bytes).toEqual(payload.bytes);
    expect(context.metrics.value("podflame_exporter_converted_requests")).toBeUndefined();
  });

  test("names schema and service of what is sent, not of what came", async () => {
    const old: Origin = { protocol: "grpc", profilesService: "v1experimental", peerAddress: "10.0.0.1" };
    const newest = setup("1.10");
    await newest.send(vector("e/l1.collector", old));
    expect(newest.sent[0]!.origin).toEqual({
      protocol: "grpc",
      peerAddress: "10.0.0.1",
      profilesService: "v1development",
      profilesDevelopmentVersion: "1",
    });
    const older = setup("1.8");
    await older.send(vector("d10/l1.collector", { protocol: "grpc", profilesDevelopmentVersion: "1" }));
    expect(older.sent[0]!.origin).not.toHaveProperty("profilesDevelopmentVersion");
  });

  test("counts conversions and their losses, and tells of the latter", async () => {
    const { send, context } = setup("1.10");
    await send(vector("d7/l1.collector"));
    const labels = { exporter: "otlp_grpc/test", from: "1.7", to: "1.10" };
    expect(context.metrics.value("podflame_exporter_converted_requests", labels)).toBe(1);
    const kinds = { exporter: "otlp_grpc/test", kind: "temporality" };
    expect(context.metrics.value("podflame_exporter_conversion_losses", kinds)).toBeGreaterThan(0);
    expect(context.logger.messages("warn")).toEqual(["profiles lost something in another layout"]);
  });

  test("profiles that cannot be read are a permanent failure and are not sent", async () => {
    const { send, sent } = setup("1.10");
    const outcome = await send(vector("d6/l1-export-request.protobuf-go"));
    expect(outcome).toMatchObject({
      kind: "permanent",
      message: expect.stringContaining("cannot be converted") as string,
    });
    expect(await send(testPayload("profiles", Buffer.from("no protobuf at all")))).toMatchObject({ kind: "permanent" });
    expect(sent).toEqual([]);
  });

  test("envelopes without profiles are not passed on", async () => {
    const { send, sent } = setup("1.10");
    for (const name of ["d7/l4-no-profiles.collector", "d7/l4-empty-request.collector"]) {
      expect(await send(vector(name))).toEqual({ kind: "sent" });
    }
    expect(sent).toEqual([]);
  });

  test("other signals pass", async () => {
    const { send, sent } = setup("1.7");
    await send(testPayload("logs", Uint8Array.of(1)));
    expect(sent[0]!.bytes).toEqual(Uint8Array.of(1));
  });
});

describe("auto", () => {
  test("starts with the newest", async () => {
    const { send, layouts } = setup("auto");
    await send(vector("d7/l1.collector"));
    expect(layouts()).toEqual(["D10"]);
  });

  test("falls back once on an error of wire types, tells, and stays there", async () => {
    const { send, layouts, context } = setup("auto", [WIRE_TYPE]);
    expect(await send(vector("d10/l1.collector"))).toEqual({ kind: "sent" });
    await send(vector("d10/l1.collector"));
    expect(layouts()).toEqual(["D10", "D9", "D9"]);
    const told = context.logger.lines.filter(({ message }) => message.startsWith("receiving end does not read"));
    expect(told.map(({ fields }) => fields)).toEqual([
      { endpoint: "backend:4317", from: "1.10", to: "1.9", reason: (WIRE_TYPE as { message: string }).message },
    ]);
  });

  test("a second failure may pass: the next attempt goes on with the layout after it", async () => {
    const { send, layouts } = setup("auto", [WIRE_TYPE, WIRE_TYPE]);
    expect(await send(vector("d10/l1.collector"))).toMatchObject({ kind: "retryable" });
    expect(await send(vector("d10/l1.collector"))).toEqual({ kind: "sent" });
    expect(layouts()).toEqual(["D10", "D9", "D8"]);
  });

  test("a field that only 1.7 has says how old the receiving end is", async () => {
    const { send, layouts } = setup("auto", [refused("HTTP 400: proto: wrong wireType = 1 for field LocationIndices")]);
    await send(vector("d10/l1.collector"));
    expect(layouts()).toEqual(["D10", "D7"]);
  });

  test("a service that is not there may be that of 2024", async () => {
    const { send, sent, layouts } = setup("auto", [refused("gRPC status UNIMPLEMENTED: unknown service")]);
    await send(vector("d10/l1.collector"));
    expect(layouts()).toEqual(["D10", "E"]);
    expect(sent[1]!.origin.profilesService).toBe("v1experimental");
  });

  test("no layout will do: the error stays final, is told once, and the newest is tried again", async () => {
    const unimplemented = refused("gRPC status UNIMPLEMENTED: unknown service");
    const { send, layouts, context } = setup("auto", [unimplemented, unimplemented, unimplemented, unimplemented]);
    expect(await send(vector("d10/l1.collector"))).toEqual(unimplemented);
    expect(await send(vector("d10/l1.collector"))).toEqual(unimplemented);
    expect(layouts()).toEqual(["D10", "E", "D10", "E"]);
    expect(context.logger.messages("error").length).toBe(1);
  });

  test.each([
    refused("gRPC status INVALID_ARGUMENT: too old"),
    refused("gRPC status UNAUTHENTICATED: no"),
    { kind: "retryable", message: "connection reset while unmarshalling" } as SendOutcome,
  ])("%j says nothing about the layout", async (answer) => {
    const { send, layouts } = setup("auto", [answer]);
    expect(await send(vector("d10/l1.collector"))).toEqual(answer);
    expect(layouts()).toEqual(["D10"]);
  });

  test("requests under way together fall back together and tell once", async () => {
    const { send, layouts, context } = setup("auto", [WIRE_TYPE, WIRE_TYPE]);
    await Promise.all([send(vector("d10/l1.collector")), send(vector("d10/l1.collector"))]);
    expect(layouts().toSorted()).toEqual(["D10", "D10", "D9", "D9"]);
    expect(context.logger.messages("warn").length).toBe(1);
  });
});
