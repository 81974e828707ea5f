import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { BufferPool, MessageBuffer, ParseError } from "#wire";
import { AttributeKeys } from "./attribute-keys.ts";
import { encodeAttribute, type AttributeValue } from "./attribute-value.ts";
import { decodeResources } from "./decode-resources.ts";
import { INTERNAL_ORIGIN, type Payload } from "./payload.ts";
import { receivePayload } from "./receive.ts";
import { ResourceEditor } from "./resource-editor.ts";
import { recorded } from "./testing/recorded.ts";

const pool = new BufferPool();

function received(bytes: Uint8Array): Payload {
  const payload = receivePayload("profiles", MessageBuffer.copyOf(bytes), INTERNAL_ORIGIN);
  if (payload instanceof ParseError) throw new Error(payload.message);
  return payload;
}

/** README of testdata/captures: the container id is the SHA-256 of a name. */
const CONTAINERS = ["node", "go", "c"].map((name) => createHash("sha256").update(`capture-${name}`).digest("hex"));

describe.each(recorded("captures/*.binpb"))("$name", ({ bytes }) => {
  test("shows the container of every resource, and takes a pod name for it", () => {
    const keys = new AttributeKeys(["container.id", "process.pid"]);
    const editor = new ResourceEditor(keys, pool);
    const payload = received(bytes);
    const containers: string[] = [];
    const output = editor.edit(payload, (resource) => {
      containers.push(resource.text(0));
      expect(resource.int(1)).toBeGreaterThan(1);
      resource.append(encodeAttribute("k8s.pod.name", `pod-of-${resource.text(0).slice(0, 4)}`));
    });
    expect(containers.toSorted()).toEqual(CONTAINERS.toSorted());
    expect([editor.malformed, editor.unresolved]).toEqual([0, 0]);
    expect(payload.items).toBe(49);
    expect(output.items).toBe(49);
    for (const { attributes, scopes, malformed } of decodeResources(output)) {
      expect(malformed).toBe(false);
      const container = attributes.get("container.id") as string;
      expect(attributes.get("k8s.pod.name")).toBe(`pod-of-${container.slice(0, 4)}`);
      expect(attributes.get("process.pid")).toBeTypeOf("bigint");
      expect(scopes.map(({ name }) => name)).toEqual(["go.opentelemetry.io/ebpf-profiler"]);
    }
    expect(decodeResources(output).map(({ items }) => items)).toEqual([10, 23, 16]);
    // README: 42 samples of the Node program, 24 of the Go program, 28 of the C program.
    expect(decodeResources(output).map(({ occurrences }) => occurrences)).toEqual([42, 24, 28]);
    output.release();
  });
});

interface ExpectedAttribute {
  readonly key?: string;
  readonly string?: string;
  readonly bool?: boolean;
  readonly int?: string;
  readonly double?: number | string;
  readonly bytes?: string;
  readonly array?: readonly ExpectedAttribute[];
  readonly kvlist?: readonly ExpectedAttribute[];
}

interface Expected {
  readonly summary: { readonly samples: number; readonly resources: number };
  readonly resources?: readonly {
    readonly attributes: readonly ExpectedAttribute[];
    readonly droppedAttributesCount: number;
    readonly schemaUrl: string;
    readonly scopes: readonly { readonly name: string }[];
  }[];
}

function valueOf(expected: ExpectedAttribute): AttributeValue {
  if (expected.string !== undefined) return expected.string;
  if (expected.bool !== undefined) return expected.bool;
  if (expected.int !== undefined) return BigInt(expected.int);
  if (expected.double !== undefined) return Number(expected.double);
  if (expected.bytes !== undefined) return new Uint8Array(Buffer.from(expected.bytes, "base64"));
  if (expected.array) return expected.array.map(valueOf);
  if (expected.kvlist) return new Map(expected.kvlist.map((one) => [one.key ?? "", valueOf(one)]));
  return undefined;
}

/** Every layout from 1.3 to 1.11, by two encoders; what a reader must find stands beside each. */
describe.each(recorded("otlp-profiles/*/*.pb"))("$name", ({ name, bytes }) => {
  const expected = JSON.parse(
    readFileSync(
      new URL(`../../testdata/${name.replace(/\.(collector|protobuf-go)\.pb$/, ".expected.json")}`, import.meta.url),
      "utf8",
    ),
  ) as Expected;

  test("has the samples and the resources that its description tells", () => {
    const payload = received(bytes);
    expect(payload.items).toBe(expected.summary.samples);
    const resources = decodeResources(payload);
    expect(resources.length).toBe(expected.summary.resources);
    for (const [index, resource] of resources.entries()) {
      const described = expected.resources![index]!;
      expect(resource.malformed).toBe(false);
      expect(resource.attributes).toEqual(new Map(described.attributes.map((one) => [one.key ?? "", valueOf(one)])));
      expect(resource.droppedAttributesCount).toBe(Number(described.droppedAttributesCount));
      expect(resource.schemaUrl).toBe(described.schemaUrl);
      expect(resource.scopes.length).toBe(described.scopes.length);
    }
  });

  test("takes an attribute for each resource and keeps everything else", () => {
    const editor = new ResourceEditor(new AttributeKeys([]), pool);
    const payload = received(bytes);
    const before = decodeResources(payload);
    const output = editor.edit(payload, (resource) => resource.append(encodeAttribute("added", "yes")));
    expect(editor.malformed).toBe(0);
    const after = decodeResources(output);
    expect(after).toEqual(
      before.map((one) => ({ ...one, attributes: new Map([...one.attributes, ["added", "yes"]]) })),
    );
    if (before.length === 0) expect(output).toBe(payload);
  });
});
