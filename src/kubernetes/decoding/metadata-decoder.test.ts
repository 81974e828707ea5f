import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { listPages } from "../fixtures/recordings.ts";
import type { KeyFilter, MetadataObject, PodObject } from "../objects.ts";
import { JsonListParser, listParser } from "./list-parser.ts";
import type { Encoding } from "./media-types.ts";
import { MetadataDecoder } from "./metadata-decoder.ts";
import type { ObjectDecoder } from "./object-decoder.ts";
import { PodDecoder } from "./pod-decoder.ts";

const ALL: KeyFilter = { label: () => true, annotation: () => true };

/** All objects of the recorded lists. The metadata of every kind has one form, so those of pods serve for all. */
function readAll<T>(encoding: Encoding, decoder: ObjectDecoder<T>): T[] {
  const objects: T[] = [];
  for (const { body } of listPages(encoding)) {
    const onItem = (object: T | undefined): void => {
      expect(decoder.malformed).toBe(false);
      if (object !== undefined) objects.push(object);
    };
    const parser =
      encoding === "json"
        ? new JsonListParser((value) => onItem(decoder.fromJson(value)), "Pod")
        : listParser(encoding, decoder, onItem);
    parser.push(body);
    parser.end();
  }
  return objects;
}

describe("metadata as the API server sent it", () => {
  test("is the same from protobuf and from JSON, and what a pod's decoder reads of it", () => {
    const objects = readAll("protobuf", new MetadataDecoder("ReplicaSet", ALL));
    expect(readAll("json", new MetadataDecoder("ReplicaSet", ALL))).toEqual(objects);
    const ofPod = ({ uid, name, namespace, labels, annotations, owners }: PodObject): MetadataObject => ({
      kind: "ReplicaSet",
      uid,
      name,
      namespace,
      labels,
      annotations,
      controller: owners.find(({ controller }) => controller),
    });
    expect(objects).toEqual(readAll("protobuf", new PodDecoder(ALL)).map(ofPod));
    expect(objects.some(({ controller }) => controller?.kind === "ReplicaSet")).toBe(true);
  });

  test("keeps only the labels and annotations that are wanted", () => {
    const keys = { label: (key: string) => key === "team", annotation: () => false };
    const objects = readAll("protobuf", new MetadataDecoder("Node", keys)).filter(({ name }) => name !== "odd");
    expect(objects.every(({ labels, annotations }) => labels.size === 1 && annotations.size === 0)).toBe(true);
  });
});

describe("odd objects", () => {
  const decode = (value: unknown): { object: MetadataObject | undefined; malformed: boolean } => {
    const decoder = new MetadataDecoder("Namespace", ALL);
    return { object: decoder.fromJson(value), malformed: decoder.malformed };
  };

  test("without a uid are left out and told", () => {
    for (const value of [{}, null, 7, { metadata: { name: "a" } }, { metadata: [] }]) {
      expect(decode(value)).toEqual({ object: undefined, malformed: true });
    }
  });

  test("with a wrong type are kept as far as they go, and told", () => {
    expect(decode({ metadata: { uid: "u", name: 7, labels: { a: 1, b: "2" } } })).toMatchObject({
      object: { uid: "u", name: "", labels: new Map(Object.entries({ a: "", b: "2" })) },
      malformed: true,
    });
  });

  test("with several owners have the one that controls them", () => {
    const ownerReferences = [
      { kind: "Deployment", name: "a", uid: "1" },
      { kind: "Deployment", name: "b", uid: "2", controller: true },
    ];
    expect(decode({ metadata: { uid: "u", ownerReferences } }).object?.controller?.name).toBe("b");
    expect(decode({ metadata: { uid: "u", ownerReferences: ownerReferences.slice(0, 1) } }).object).toMatchObject({
      controller: undefined,
    });
  });

  test("of broken bytes never throw", () => {
    const decoder = new MetadataDecoder("Job", ALL);
    const kept: Buffer[] = [];
    const spy: ObjectDecoder<unknown> = {
      kind: "Pod",
      malformed: false,
      fromJson: () => undefined,
      fromProtobuf: (bytes, start, end) => void kept.push(Buffer.from(bytes.subarray(start, end))),
    };
    readAll("protobuf", spy);
    const whole = kept[0]!;
    const change = fc.tuple(fc.nat(whole.length - 1), fc.nat(255));
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 8 }), fc.nat(whole.length), (changes, end) => {
        const mutated = Buffer.from(whole);
        for (const [at, byte] of changes) mutated[at] = byte;
        const read = decoder.fromProtobuf(mutated, 0, end);
        expect(read === undefined || read.uid !== "").toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});
