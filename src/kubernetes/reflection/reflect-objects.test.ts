import { expect, test } from "vitest";
import { MetricRegistry, silentLogger, systemClock } from "#telemetry";
import { createApiClient } from "../access/create-api-client.ts";
import { RecordingSink } from "../fixtures/recording-sink.ts";
import { type Reply, ScriptedApiServer } from "../fixtures/scripted-api-server.ts";
import type { MetadataObject } from "../objects.ts";
import { reflectObjects } from "./reflect-objects.ts";

const replicaSet = (name: string): object => ({
  metadata: {
    uid: `${name}-uid`,
    name,
    labels: { team: "a", other: "b" },
    ownerReferences: [{ kind: "Deployment", name: "shop", uid: "d", controller: true }],
  },
});
const json = (body: object): Reply => ({
  headers: { "content-type": "application/json" },
  body: `${JSON.stringify(body)}\n`,
});

test("one kind of objects is listed and watched as metadata, in the namespace and by the selector given", async () => {
  await using server = await ScriptedApiServer.start();
  const path = "/apis/apps/v1/namespaces/shop/replicasets";
  const list = { kind: "PartialObjectMetadataList", metadata: { resourceVersion: "7" }, items: [replicaSet("one")] };
  const event = { type: "ADDED", object: { ...replicaSet("two"), kind: "PartialObjectMetadata" } };
  server.script(
    { expect: { path, query: { fieldSelector: "metadata.name=x", watch: undefined } }, reply: json(list) },
    { expect: { path, query: { watch: "1", resourceVersion: "7" } }, reply: { ...json(event), ending: "hold" } },
  );
  const telemetry = { clock: systemClock, metrics: new MetricRegistry(), logger: silentLogger };
  const env = { KUBERNETES_SERVICE_HOST: "127.0.0.1", KUBERNETES_SERVICE_PORT: server.port };
  const client = await createApiClient({ authType: "none", env }, telemetry);
  const sink = new RecordingSink<MetadataObject>();
  const keys = { label: (key: string) => key === "team", annotation: () => false };
  const selection = { namespace: "shop", fieldSelector: "metadata.name=x" };
  const reflection = reflectObjects({ client, kind: "ReplicaSet", selection, keys, sink, telemetry });
  await sink.until(({ known }) => known.size === 2);
  expect(sink.known.get("two-uid")).toEqual({
    kind: "ReplicaSet",
    uid: "two-uid",
    name: "two",
    namespace: "",
    labels: new Map([["team", "a"]]),
    annotations: new Map(),
    controller: { kind: "Deployment", name: "shop", uid: "d", controller: true },
  });
  expect(reflection.state()).toMatchObject({ resource: "replicasets", synced: true, objects: 2 });
  expect(server.asked.map(({ headers }) => headers.accept!.split(",")[0])).toEqual([
    "application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1",
    "application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;g=meta.k8s.io;v=v1;stream=watch",
  ]);
  expect(server.problems).toEqual([]);
  await reflection.stop();
  client.close();
});
