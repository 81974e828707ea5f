import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { decodeResources, INTERNAL_ORIGIN, Payload } from "#otlp";
import { MessageBuffer } from "#wire";
import { containerOf, podOf, processorOf } from "./processor-fixture.ts";

/** Requests made by upstream's encoders of every released layout; see the README there. */
const vectors = fileURLToPath(new URL("../../../../testdata/otlp-profiles/", import.meta.url));

interface Expected {
  readonly resources?: readonly { readonly attributes?: readonly { key: string; string?: string }[] }[];
}

/** Files of a layout, each with the container ids that its description lists, resource by resource. */
function files(layout: string): [file: string, ids: (string | undefined)[]][] {
  return readdirSync(vectors + layout)
    .filter((file) => file.endsWith(".pb"))
    .map((file) => {
      const description = readFileSync(`${vectors}${layout}/${file.replace(/\.[^.]+\.pb$/, "")}.expected.json`, "utf8");
      const { resources = [] } = JSON.parse(description) as Expected;
      const id = (attributes: NonNullable<Expected["resources"]>[number]["attributes"]): string | undefined =>
        attributes?.find(({ key }) => key === "container.id")?.string;
      return [`${layout}/${file}`, resources.map(({ attributes }) => id(attributes))];
    });
}

describe("every resource with a container.id is named, and only those, in requests of every layout", () => {
  test.each(["e", "d4", "d5", "d6", "d7", "d8", "d9", "d10"].flatMap(files))("%s", async (file, ids) => {
    const known = [...new Set(ids.filter((id) => id !== undefined))];
    const pods = known.map((id) =>
      podOf({
        uid: id,
        name: `pod-${id.slice(0, 8)}`,
        containers: [containerOf({ containerId: `containerd://${id}` })],
      }),
    );
    const fixture = await processorOf({ extract: { metadata: ["k8s.pod.name"] } }, { signal: "profiles", pods });
    const out = await fixture.send(readFileSync(vectors + file));
    const named = decodeResources(new Payload("profiles", MessageBuffer.copyOf(out), INTERNAL_ORIGIN)).map(
      ({ attributes }) => [attributes.get("container.id"), attributes.get("k8s.pod.name")],
    );
    expect(named).toEqual(ids.map((id) => [id, id && `pod-${id.slice(0, 8)}`]));
  });
});
