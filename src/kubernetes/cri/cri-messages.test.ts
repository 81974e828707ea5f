import fc from "fast-check";
import { expect, test } from "vitest";
import { Writer } from "#wire";
import { ApiFormatError } from "../errors.ts";
import { readContainers, readImage, readNetwork, readRuntimeName, readSandboxes } from "./cri-messages.ts";

function message(write: (writer: Writer) => void): Buffer {
  const writer = new Writer();
  write(writer);
  return Buffer.from(writer.finish());
}

const nested = (writer: Writer, field: number, write: () => void): void => {
  writer.open(field);
  write();
  writer.close();
};
const entry = (writer: Writer, field: number, key: string, value: string): void =>
  nested(writer, field, () => {
    writer.string(1, key);
    writer.string(2, value);
  });

const SANDBOXES = message((writer) =>
  nested(writer, 1, () => {
    writer.string(1, "box");
    nested(writer, 2, () => {
      writer.string(1, "cart");
      writer.string(2, "cart-uid");
      writer.string(3, "shop");
    });
    writer.varint(3, 1);
    writer.varint(4, 1_700_000_000_000_000_000);
    entry(writer, 5, "app", "cart");
    entry(writer, 6, "note", "ä");
  }),
);
const CONTAINERS = message((writer) =>
  nested(writer, 1, () => {
    writer.string(1, "run");
    writer.string(2, "box");
    nested(writer, 3, () => {
      writer.string(1, "main");
      writer.varint(2, 3);
    });
    nested(writer, 4, () => {
      writer.string(1, "sha256:1");
      writer.string(18, "app:1");
    });
    writer.string(5, "sha256:1");
    writer.varint(7, 1_700_000_000_001_000_000);
    entry(writer, 8, "io.kubernetes.pod.uid", "cart-uid");
  }),
);
const STATUS = message((writer) =>
  nested(writer, 1, () => {
    nested(writer, 5, () => {
      writer.string(1, "10.0.0.7");
      nested(writer, 2, () => writer.string(1, "fd00::7"));
    });
    nested(writer, 6, () => nested(writer, 1, () => nested(writer, 2, () => writer.varint(1, 2))));
  }),
);
const IMAGE = message((writer) =>
  nested(writer, 1, () => {
    writer.string(1, "sha256:1");
    writer.string(2, "docker.io/library/app:1");
    writer.string(2, "docker.io/library/app:latest");
    writer.string(3, "docker.io/library/app@sha256:2");
  }),
);

test("a sandbox tells its pod", () => {
  expect(readSandboxes(SANDBOXES)).toEqual([
    {
      id: "box",
      name: "cart",
      uid: "cart-uid",
      namespace: "shop",
      createdMs: 1_700_000_000_000,
      isReady: false,
      labels: new Map([["app", "cart"]]),
      annotations: new Map([["note", "ä"]]),
    },
  ]);
});

test("a container tells its run and the image as it was asked for", () => {
  expect(readContainers(CONTAINERS)).toEqual([
    {
      id: "run",
      sandboxId: "box",
      name: "main",
      attempt: 3,
      image: "app:1",
      imageRef: "sha256:1",
      createdMs: 1_700_000_000_001,
      labels: new Map([["io.kubernetes.pod.uid", "cart-uid"]]),
    },
  ]);
});

test("a status tells addresses, and whether they are the host's", () => {
  expect(readNetwork(STATUS)).toEqual({ ips: ["10.0.0.7", "fd00::7"], isHosts: true });
});

test("an image is known by its first name, or not at all", () => {
  expect(readImage(IMAGE)).toEqual({ tag: "docker.io/library/app:1", digest: "docker.io/library/app@sha256:2" });
  expect(readImage(new Uint8Array(0))).toBeUndefined();
});

test.each([
  ["sandboxes", readSandboxes, SANDBOXES],
  ["containers", readContainers, CONTAINERS],
  ["a status", readNetwork, STATUS],
  ["an image", readImage, IMAGE],
  ["a version", readRuntimeName, message((writer) => writer.string(2, "containerd"))],
] as const)("broken bytes of %s are a format error or read as far as they go", (_what, read, whole) => {
  const answers = (bytes: Uint8Array): boolean => {
    try {
      read(bytes);
      return true;
    } catch (error) {
      return error instanceof ApiFormatError;
    }
  };
  for (let end = 0; end < whole.length; end++) expect(answers(whole.subarray(0, end))).toBe(true);
  const mutated = fc.tuple(fc.nat(whole.length - 1), fc.nat(255));
  fc.assert(
    fc.property(fc.array(mutated, { minLength: 1, maxLength: 4 }), (edits) => {
      const bytes = Uint8Array.from(whole);
      for (const [at, value] of edits) bytes[at] = value;
      return answers(bytes);
    }),
    { numRuns: 500 },
  );
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), answers), { numRuns: 500 });
});
