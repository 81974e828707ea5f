import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { stringify } from "yaml";
import { ApiFormatError } from "../errors.ts";
import type { KeyFilter } from "../objects.ts";
import { type FileObjects, loadObjectFile } from "./object-file.ts";

const ALL: KeyFilter = { label: () => true, annotation: () => true };

const POD = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: {
    uid: "cart-uid",
    name: "cart",
    namespace: "shop",
    creationTimestamp: "2026-11-22T10:00:00Z",
    labels: { version: "1.20", enabled: "true" },
    annotations: { note: "several\nlines: of it\n" },
  },
  spec: { nodeName: "node-1", containers: [{ name: "main", image: "app:1" }] },
  status: { podIP: "10.0.0.7", containerStatuses: [{ name: "main", containerID: `containerd://${"1".repeat(64)}` }] },
};
const NAMESPACE = { apiVersion: "v1", kind: "Namespace", metadata: { uid: "shop-uid", name: "shop" } };
const listOf = (...items: readonly object[]): object => ({ apiVersion: "v1", kind: "List", metadata: {}, items });

function load(name: string, content: string): Promise<FileObjects> {
  const folder = mkdtempSync(join(tmpdir(), "podflame-objects-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, name), content);
  return loadObjectFile(join(folder, name), ALL, new Map([["Namespace", ALL]]));
}

test("YAML says what JSON says", async () => {
  const fromJson = await load("pods.json", JSON.stringify(listOf(POD, NAMESPACE)));
  expect([fromJson.pods[0]?.name, fromJson.objects[0]?.name]).toEqual(["cart", "shop"]);
  expect(await load("pods.yaml", stringify(listOf(POD, NAMESPACE)))).toEqual(fromJson);
  expect(await load("pods.YML", `${stringify(POD)}---\n${stringify(NAMESPACE)}---\n`)).toEqual(fromJson);
});

test("what kubectl prints is read, quotes and blocks included", async () => {
  const { pods } = await load(
    "pods.yaml",
    `apiVersion: v1
items:
- apiVersion: v1
  kind: Pod
  metadata:
    creationTimestamp: "2026-11-22T10:00:00Z"
    labels: {version: "1.20"}
    annotations:
      note: |
        several
        lines
    name: cart
    namespace: shop
    uid: 0a1b
  spec: {nodeName: node-1}
kind: List
`,
  );
  expect(pods).toMatchObject([{ uid: "0a1b", createdMs: Date.UTC(2026, 10, 22, 10), nodeName: "node-1" }]);
  expect([...pods[0]!.labels, ...pods[0]!.annotations]).toEqual([
    ["version", "1.20"],
    ["note", "several\nlines\n"],
  ]);
});

test.each([
  ["is no YAML", "a: [1", /pods\.yaml: no YAML/],
  ["holds something else", "- 1\n- 2\n", /pods\.yaml: holds something else than objects/],
  ["holds another kind", "kind: Secret\nmetadata: {uid: u}\n", /holds a "Secret", expected pods/],
  [
    "is blown up by aliases",
    `a: &a [x,x,x,x,x,x,x,x,x]\n${["b", "c", "d", "e", "f", "g"]
      .map((key, at) => `${key}: &${key} [${`*${"abcdef"[at]},`.repeat(8)}*${"abcdef"[at]}]`)
      .join("\n")}\nkind: List\n`,
    /pods\.yaml: no YAML: Excessive alias count/,
  ],
])("a file that %s is refused, with its name", async (_what, content, problem) => {
  const loading = load("pods.yaml", content);
  await expect(loading).rejects.toThrow(ApiFormatError);
  await expect(loading).rejects.toThrow(problem);
});

test("an empty file holds nothing", async () => {
  expect(await load("pods.yaml", "")).toEqual({ pods: [], objects: [] });
});

test("whatever stands in a file, it is read or refused", async () => {
  const text = stringify(listOf(POD, NAMESPACE));
  const folder = mkdtempSync(join(tmpdir(), "podflame-objects-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "pods.yaml");
  await fc.assert(
    fc.asyncProperty(fc.nat(text.length - 1), fc.string({ maxLength: 3 }), async (at, put) => {
      writeFileSync(path, text.slice(0, at) + put + text.slice(at + 1));
      const outcome = await loadObjectFile(path, ALL).catch((error: unknown) => error);
      expect(outcome instanceof ApiFormatError || Array.isArray((outcome as FileObjects).pods)).toBe(true);
    }),
    { numRuns: 200 },
  );
});
