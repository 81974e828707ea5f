import { expect, test } from "vitest";
import { ComponentCatalog, type CatalogEntry } from "./catalog.ts";
import { FakeWorld } from "./testing/fake-components.ts";

const { catalog } = new FakeWorld();

test("components are found by type and alias, within their kind", () => {
  expect(catalog.find("processor", "k8sattributes")?.type).toBe("k8s_attributes");
  expect(catalog.find("processor", "k8s_attributes")?.type).toBe("k8s_attributes");
  expect(catalog.find("receiver", "k8s_attributes")).toBeUndefined();
  expect(catalog.words("exporter")).toEqual(["otlp_grpc", "otlp", "debug", "only_logs"]);
});

test("two components can't share a word", () => {
  const entry = (type: string, aliases: string[] = []): CatalogEntry => ({
    kind: "exporter",
    type,
    aliases,
    load: () => Promise.reject(new Error("not loaded here")),
  });
  expect(() => new ComponentCatalog([entry("a"), entry("b", ["a"])])).toThrow("two exporters are called a");
});

test("an entry that leads to another component is a bug, and says so", async () => {
  const lost = { ...catalog.find("exporter", "debug")!, type: "file" };
  await expect(catalog.load("exporter", lost)).rejects.toThrow(
    "catalog entry exporter file leads to the factory of exporter debug",
  );
});
