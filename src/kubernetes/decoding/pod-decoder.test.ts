import { describe, expect, test } from "vitest";
import fc from "fast-check";
import { KUBECTL_PODS, listPages, recording } from "../fixtures/recordings.ts";
import type { KeyFilter, PodObject } from "../objects.ts";
import { listParser } from "./list-parser.ts";
import type { Encoding } from "./media-types.ts";
import { PodDecoder } from "./pod-decoder.ts";
import { loadObjectFile } from "./object-file.ts";
import { watchParser, type WatchHappening } from "./watch-parser.ts";

const ALL: KeyFilter = { label: () => true, annotation: () => true };

function readList(encoding: Encoding, keys: KeyFilter = ALL, pieceBytes = 1000): PodObject[] {
  const pods: PodObject[] = [];
  const decoder = new PodDecoder(keys);
  for (const { body } of listPages(encoding)) {
    const parser = listParser(encoding, decoder, (pod) => {
      expect(decoder.malformed).toBe(false);
      if (pod) pods.push(pod);
    });
    for (let at = 0; at < body.length; at += pieceBytes) parser.push(body.subarray(at, at + pieceBytes));
    parser.end();
  }
  return pods;
}

describe("pods as the API server sent them", () => {
  test("are the same from protobuf, from JSON and from kubectl's file", async () => {
    const pods = readList("protobuf");
    expect(pods).toHaveLength(25);
    expect(readList("json")).toEqual(pods);
    expect((await loadObjectFile(KUBECTL_PODS, ALL)).pods).toEqual(pods);
  });

  test("have all that is kept of a pod, with every kind of container", () => {
    const pod = readList("protobuf").find(({ name }) => name === "odd")!;
    expect(pod).toEqual({
      uid: expect.stringMatching(/^[\da-f-]{36}$/) as string,
      name: "odd",
      namespace: "default",
      nodeName: "node-000",
      hostname: "odd-host",
      hostNetwork: true,
      podIps: ["192.0.2.7", "2001:db8::7"],
      createdMs: expect.any(Number) as number,
      startedMs: Date.parse("2026-11-22T09:59:58Z"),
      deletedMs: 0,
      labels: new Map([
        ["app", "odd"],
        ["topology.kubernetes.io/region", "eu-central-1"],
        ["topology.kubernetes.io/zone", "eu-central-1a"],
      ]),
      annotations: new Map([["note", "Grüße, 世界"]]),
      owners: [],
      containers: [
        container("main", "app", "b", { restartCount: 3, previousContainerId: `containerd://${"d".repeat(64)}` }),
        container("setup", "init", "a"),
        container("debug", "ephemeral", "c"),
      ],
    });
    expect(pod.createdMs).toBeGreaterThan(Date.parse("2026-11-22T00:00:00Z"));
  });

  test("name their owner", () => {
    const owned = readList("protobuf").filter(({ owners }) => owners.length > 0);
    expect(owned).toHaveLength(24);
    for (const { name, owners } of owned) {
      expect(owners).toEqual([
        { kind: "ReplicaSet", name: name.slice(0, -6), uid: expect.any(String) as string, controller: true },
      ]);
    }
  });

  test.each(["protobuf", "json"] as const)("keep only the labels and annotations that are wanted (%s)", (encoding) => {
    const asked: string[] = [];
    const keys: KeyFilter = {
      label: (key) => asked.push(key) > 0 && key === "team",
      annotation: () => false,
    };
    const pods = readList(encoding, keys).filter(({ name }) => name !== "odd");
    for (const { labels, annotations, namespace } of pods) {
      expect([...labels]).toEqual([["team", namespace]]);
      expect(annotations.size).toBe(0);
    }
    expect(new Set(asked).size, "each key is asked about once").toBe(asked.length);
    expect(asked.length).toBeGreaterThan(10);
  });

  test.each([1, 7, 4096, 1 << 20])("don't depend on how the bytes are cut, here every %i", (pieceBytes) => {
    expect(readList("protobuf", ALL, pieceBytes)).toEqual(readList("json"));
  });
});

describe("odd pods", () => {
  const decode = (value: unknown): { pod: PodObject | undefined; malformed: boolean } => {
    const decoder = new PodDecoder(ALL);
    return { pod: decoder.fromJson(value), malformed: decoder.malformed };
  };

  test("without anything but a uid are kept", () => {
    const { pod, malformed } = decode({ metadata: { uid: "u" } });
    expect(pod).toMatchObject({ uid: "u", name: "", podIps: [], containers: [], owners: [], startedMs: 0 });
    expect(malformed).toBe(false);
  });

  test("without a uid are left out and told", () => {
    expect(decode({ metadata: { name: "x" } })).toEqual({ pod: undefined, malformed: true });
    const decoder = new PodDecoder(ALL);
    expect(decoder.fromProtobuf(Buffer.alloc(0), 0, 0)).toBeUndefined();
    expect(decoder.malformed).toBe(true);
  });

  test.each([
    ["metadata.labels", { metadata: { uid: "u", labels: ["a"] } }],
    ["metadata.creationTimestamp", { metadata: { uid: "u", creationTimestamp: "yesterday" } }],
    ["spec.containers", { metadata: { uid: "u" }, spec: { containers: { name: "a" } } }],
    ["status.podIP", { metadata: { uid: "u" }, status: { podIP: 7 } }],
    ["restartCount", { metadata: { uid: "u" }, status: { containerStatuses: [{ name: "a", restartCount: "x" }] } }],
  ])("with a wrong type at %s are kept and told", (_place, value) => {
    expect(decode(value)).toMatchObject({ pod: { uid: "u" }, malformed: true });
  });

  test("whose status names a container that the specification doesn't have keep its id", () => {
    const status = { containerStatuses: [{ name: "a", containerID: "containerd://1" }] };
    expect(decode({ metadata: { uid: "u" }, status }).pod?.containers).toEqual([
      {
        name: "a",
        kind: "app",
        image: "",
        containerId: "containerd://1",
        previousContainerId: "",
        restartCount: 0,
        imageId: "",
      },
    ]);
  });

  test("broken at any byte never throw, and what stands before the break is kept", () => {
    const happenings: Buffer[] = [];
    const decoder = new PodDecoder(ALL);
    const seen = new PodDecoder(ALL);
    const spy = { kind: "Pod", malformed: false, fromJson: () => undefined } as const;
    const collect = {
      ...spy,
      fromProtobuf: (bytes: Buffer, start: number, end: number) => {
        happenings.push(Buffer.from(bytes.subarray(start, end)));
        return seen.fromProtobuf(bytes, start, end);
      },
    };
    const parser = listParser("protobuf", collect, () => undefined);
    parser.push(listPages("protobuf")[0]!.body);
    parser.end();
    const pod = happenings[0]!;
    for (let end = 0; end < pod.length; end++) decoder.fromProtobuf(pod, 0, end);
    const cut = decoder.fromProtobuf(pod, 0, pod.length - 1);
    expect(decoder.malformed).toBe(true);
    expect(cut).toMatchObject({ uid: seen.fromProtobuf(pod, 0, pod.length)!.uid });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(pod.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 }),
        (changes) => {
          const mutated = Buffer.from(pod);
          for (const [at, byte] of changes) mutated[at] = byte;
          const read = decoder.fromProtobuf(mutated, 0, mutated.length);
          expect(read === undefined || read.uid !== "").toBe(true);
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe("lists that are none", () => {
  const parse = (encoding: Encoding, body: Uint8Array): void => {
    const parser = listParser(encoding, new PodDecoder(ALL), () => undefined);
    parser.push(body);
    parser.end();
  };
  const { body } = listPages("protobuf")[0]!;

  test.each([
    ["another magic", "protobuf", Buffer.from("<html><body>proxy login</body></html>"), /not Kubernetes protobuf/],
    ["nothing", "protobuf", Buffer.alloc(0), /cut off/],
    ["a cut", "protobuf", body.subarray(0, body.length - 10), /cut off/],
    ["a cut inside a pod", "protobuf", body.subarray(0, 20_000), /cut off/],
    ["half a JSON document", "json", Buffer.from('{"kind":"PodList","items":[{'), /not JSON/],
    ["another kind", "json", Buffer.from('{"kind":"ServiceList","items":[]}'), /PodList, got "ServiceList"/],
  ] as const)("are refused: %s", (_what, encoding, bytes, message) => {
    expect(() => parse(encoding, bytes)).toThrow(message);
  });

  test("never take more memory than one object may have", () => {
    const parser = listParser("protobuf", new PodDecoder(ALL), () => undefined);
    // Envelope with a raw of 4 GiB, in it an item of 1 GiB.
    parser.push(
      Buffer.from([0x6b, 0x38, 0x73, 0, 0x12, 0x80, 0x80, 0x80, 0x80, 0x10, 0x12, 0x80, 0x80, 0x80, 0x80, 4]),
    );
    expect(() => {
      for (let pushed = 0; pushed < 64; pushed++) parser.push(Buffer.alloc(1 << 20));
    }).toThrow(/longer than 16777216 bytes/);
  });

  test("in mutated bytes give an error or a list, never anything else", () => {
    fc.assert(
      fc.property(fc.nat(300), fc.nat(255), fc.integer({ min: 1, max: 5000 }), (at, byte, piece) => {
        const mutated = Buffer.from(body);
        mutated[at] = byte;
        try {
          const parser = listParser("protobuf", new PodDecoder(ALL), () => undefined);
          for (let from = 0; from < mutated.length; from += piece) parser.push(mutated.subarray(from, from + piece));
          parser.end();
        } catch (error) {
          expect((error as Error).name).toBe("ApiFormatError");
        }
      }),
      { numRuns: 100 },
    );
  });

  test("name the file when they come from one", async () => {
    await expect(loadObjectFile(import.meta.filename, ALL)).rejects.toThrow(
      `${import.meta.filename}: the list is not JSON`,
    );
  });
});

describe("watches as the API server sent them", () => {
  const read = (name: string, encoding: Encoding, pieceBytes: number): WatchHappening<PodObject>[] => {
    const seen: WatchHappening<PodObject>[] = [];
    const parser = watchParser(encoding, new PodDecoder(ALL), (happening) => seen.push(happening));
    const { body } = recording(name);
    for (let at = 0; at < body.length; at += pieceBytes) parser.push(body.subarray(at, at + pieceBytes));
    parser.end();
    return seen;
  };

  test("tell the same in both encodings: pods that come, change and go, and a bookmark", () => {
    const seen = read("watch-protobuf", "protobuf", 1 << 20);
    expect(read("watch-json", "json", 1 << 20)).toEqual(seen);
    const kinds = seen.map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind === "added")).toHaveLength(2);
    expect(kinds.filter((kind) => kind === "deleted")).toHaveLength(2);
    expect(kinds.at(-1)).toBe("bookmark");
    const versions = seen.map((happening) =>
      "resourceVersion" in happening ? Number(happening.resourceVersion) : NaN,
    );
    expect(versions).toEqual(versions.toSorted((a, b) => a - b));
    const added = seen.find(({ kind }) => kind === "added");
    expect(added).toMatchObject({ object: { namespace: "churn", nodeName: "node-000" } });
  });

  test.each([1, 13, 1000])("don't depend on how the bytes are cut, here every %i", (pieceBytes) => {
    const whole = read("watch-protobuf", "protobuf", 1 << 20);
    expect(read("watch-protobuf", "protobuf", pieceBytes)).toEqual(whole);
    expect(read("watch-json", "json", pieceBytes)).toEqual(whole);
  });

  test.each(["protobuf", "json"] as const)("tell that their version is gone (%s)", (encoding) => {
    expect(read(`expired-watch-${encoding}`, encoding, 1 << 20)).toEqual([
      {
        kind: "error",
        status: {
          code: 410,
          reason: "Expired",
          message: "The resourceVersion for the provided watch is too old.",
          retryAfterMs: undefined,
        },
      },
    ]);
  });

  test("that end inside an event, or claim one of 4 GiB, are refused", () => {
    const parser = watchParser("protobuf", new PodDecoder(ALL), () => undefined);
    parser.push(recording("watch-protobuf").body.subarray(0, 500));
    expect(() => parser.end()).toThrow(/ended inside an event/);
    const hostile = watchParser("protobuf", new PodDecoder(ALL), () => undefined);
    expect(() => hostile.push(Buffer.from([255, 255, 255, 255]))).toThrow(/not believable/);
  });

  test("with an event that can't be read go on with the next", () => {
    const { body } = recording("watch-protobuf");
    const kinds: string[] = [];
    const parser = watchParser("protobuf", new PodDecoder(ALL), ({ kind }) => kinds.push(kind));
    parser.push(Buffer.from([0, 0, 0, 3, 0xff, 0xff, 0xff]));
    parser.push(body);
    expect(kinds.slice(0, 2)).toEqual(["unreadable", "added"]);
  });
});

function container(name: string, kind: string, id: string, more: object = {}): object {
  return {
    name,
    kind,
    image: `example.test/${name}:1`,
    imageId: `example.test/${name}@sha256:${"5".repeat(64)}`,
    containerId: `containerd://${id.repeat(64)}`,
    previousContainerId: "",
    restartCount: 0,
    ...more,
  };
}
