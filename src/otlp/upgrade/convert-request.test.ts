import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { ParseError } from "#wire";
import type { Layout } from "../profiles/layout.ts";
import { readProfiles } from "../profiles/read-profiles.ts";
import { type ConvertedRequest, convertRequest, type ConvertOptions } from "./convert-request.ts";
import { shortModel } from "./testing/fixtures.ts";
import type { WritableLayout } from "./wire-numbers.ts";
import { writeProfiles } from "./write-profiles.ts";

const VECTORS = new URL("../../../testdata/otlp-profiles/", import.meta.url);

function vector(name: string): Uint8Array {
  return readFileSync(new URL(`${name}.pb`, VECTORS));
}

function converted(bytes: Uint8Array, layout: WritableLayout, options: ConvertOptions = {}): ConvertedRequest {
  const result = convertRequest(bytes, layout, options);
  if (result instanceof ParseError) throw result;
  return result;
}

/** A request whose two samples name two containers. */
function twoContainers(layout: "D7" | "D10"): Uint8Array {
  const samples = ["a", "b"].map((id) => ({ values: [1n], attributes: { "container.id": id } }));
  const written = writeProfiles(shortModel(layout, [{ samples }], { "host.name": "n" }), layout);
  if (written instanceof ParseError) throw written;
  return written.bytes;
}

function resourcesOf(bytes: Uint8Array, layout: Layout): number {
  const model = readProfiles(bytes, layout);
  if (model instanceof ParseError) throw model;
  return model.resources.length;
}

describe("convertRequest", () => {
  test.each([
    ["d10/l1.collector", "D10"],
    ["d9/l1.collector", "D9"],
    ["d7/l1.protobuf-go", "D7"],
    ["d5/l1.collector", "D5"],
    ["e/l1.collector", "E"],
  ] as const)("hands back %s as it is when %s is wanted", (name, layout) => {
    const bytes = vector(name);
    expect(converted(bytes, layout)).toEqual({ bytes, from: expect.any(String) as string, losses: [] });
    expect(converted(bytes, layout).bytes).toBe(bytes);
  });

  test("gives each container of an early agent its resource, unless told not to", () => {
    expect(resourcesOf(converted(twoContainers("D7"), "D10").bytes, "D10")).toBe(2);
    expect(resourcesOf(converted(twoContainers("D7"), "D10", { regroup: false }).bytes, "D10")).toBe(1);
  });

  test("leaves the resources of later layouts as they are", () => {
    expect(resourcesOf(converted(twoContainers("D10"), "D9").bytes, "D9")).toBe(1);
  });

  test("leaves nothing of a request without profiles: its tables may be those of another layout", () => {
    for (const name of ["d7/l4-empty-request.collector", "d7/l4-no-profiles.protobuf-go"]) {
      expect(converted(vector(name), "D10").bytes.length, name).toBe(0);
    }
  });

  test("says why a request cannot be converted", () => {
    const unresolvable = convertRequest(vector("d6/l1-export-request.protobuf-go"), "D10");
    expect((unresolvable as ParseError).message).toContain("profiles without dictionary");
    expect(convertRequest(vector("d9/l1.collector").subarray(0, 2000), "D10")).toBeInstanceOf(ParseError);
  });
});
