import { expect, test } from "vitest";
import { keyPrefixes, semconvOfGates } from "./semconv.ts";

const EMIT = "processor.k8sattributes.EmitV1K8sConventions";
const OMIT = "processor.k8sattributes.DontEmitV0K8sConventions";

test.each<[string, Record<string, boolean>, string | undefined]>([
  ["none", {}, undefined],
  ["another", { "service.profilesSupport": true }, undefined],
  ["both on, as is the default", { [EMIT]: true, [OMIT]: true }, "stable"],
  ["old names again", { [OMIT]: false }, "both"],
  ["old names only", { [EMIT]: false, [OMIT]: false }, "legacy"],
])("gates: %s", (_, gates, expected) => expect(semconvOfGates(new Map(Object.entries(gates)))).toBe(expected));

test("STA-4: gates that leave no names are an error", () => {
  expect(() => semconvOfGates(new Map([[EMIT, false]]))).toThrow("leaves no attribute names");
});

test("only what once was plural has two names", () => {
  expect(keyPrefixes("pod", "label", "both")).toEqual(["k8s.pod.label.", "k8s.pod.labels."]);
  expect(keyPrefixes("node", "annotation", "legacy")).toEqual(["k8s.node.annotations."]);
  expect(keyPrefixes("deployment", "label", "both")).toEqual(["k8s.deployment.label."]);
});
