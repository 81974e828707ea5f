import fc from "fast-check";
import { expect, test } from "vitest";
import { JsonFormError } from "./json-form.ts";
import { containerOf, objectOf, ownerOf, podOf } from "./pod-fixtures.ts";
import { readObject, readPod, writeObject, writePod } from "./written-object.ts";

const pod = podOf({
  uid: "cart-uid",
  name: "cart",
  namespace: "shop",
  nodeName: "node-1",
  podIps: ["10.0.0.7", "fd00::7"],
  createdMs: 5,
  hostNetwork: true,
  labels: new Map([["app", "cart"]]),
  annotations: new Map([["note", "ä\n"]]),
  owners: [ownerOf("ReplicaSet", "cart-1")],
  containers: [containerOf({ containerId: "containerd://1", restartCount: 2, kind: "init" })],
});
const object = objectOf("ReplicaSet", "cart-1", { controller: ownerOf("Deployment", "cart"), namespace: "shop" });

function read<T>(reader: (value: unknown) => T, value: unknown): T | undefined {
  try {
    return reader(value);
  } catch (error) {
    if (error instanceof JsonFormError) return undefined;
    throw error;
  }
}

test("what is written is read as it was", () => {
  const through = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;
  expect(readPod((through(writePod(pod)) as { pod: unknown }).pod)).toEqual(pod);
  const written = through(writeObject(object)) as { object: unknown };
  expect(readObject(written.object)).toEqual(object);
  const alone = objectOf("Node", "node-1");
  expect(readObject((through(writeObject(alone)) as { object: unknown }).object)).toEqual(alone);
});

test("anything else is no pod and no object", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect([read(readPod, value), read(readObject, value)]).toEqual([undefined, undefined]);
    }),
  );
});

test("a text that was changed somewhere is read, or isn't of the form", () => {
  const text = JSON.stringify((writePod(pod) as { pod: unknown }).pod);
  fc.assert(
    fc.property(fc.nat(text.length - 1), fc.string({ maxLength: 2 }), (at, put) => {
      let value: unknown;
      try {
        value = JSON.parse(text.slice(0, at) + put + text.slice(at + 1));
      } catch {
        return;
      }
      const found = read(readPod, value);
      expect(found === undefined || typeof found.uid === "string").toBe(true);
    }),
  );
});
