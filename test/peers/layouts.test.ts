/**
 * Profiles that podflame writes, in front of others' decoders: the Collector 0.159 takes every vector that was upgraded to
 * its layout and passes on the same content; podflame between a sender of each age and the Collector delivers all.
 */
import { mkdtempSync, rmSync, writeFileSync, readFileSync, globSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { detectLayout, loadLayouts, ParseError, readProfiles, Refusal, type ProfilesModel } from "#otlp";
import { contentOf } from "../../src/otlp/upgrade/testing/content.ts";
import { describePeers } from "./describe-peers.ts";
import { REPOSITORY } from "./locations.ts";
import { freePorts } from "../free-ports.ts";
import { Program } from "./program.ts";
import { RecordingSink } from "./recording-sink.ts";
import { Relay, relayCommand } from "./relay.ts";
import { sendGrpc, sendHttp } from "./sender.ts";

const VECTORS = globSync("testdata/otlp-profiles/*/*.pb", { cwd: REPOSITORY })
  .filter((file) => !/l1-export-request|l4-empty-request|l4-no-profiles/.test(file))
  .sort()
  .map((file) => ({
    name: `${basename(dirname(file))}/${basename(file)}`,
    bytes: readFileSync(join(REPOSITORY, file)),
  }));

function read(bytes: Uint8Array): ProfilesModel {
  const detection = detectLayout(bytes);
  if (detection instanceof Refusal) throw new Error(detection.message);
  const model = readProfiles(bytes, detection.layout);
  if (model instanceof ParseError) throw model;
  return model;
}

describePeers("layouts that podflame writes", ["otelcol"], () => {
  let sink: RecordingSink;
  let collector: Relay;

  beforeAll(async () => {
    sink = await RecordingSink.start();
    collector = await Relay.start({ name: "otelcol", target: sink, exporter: "grpc" });
  });

  afterAll(async () => {
    await collector.stop();
    await sink.close();
  });

  test.each(["grpc", "http/protobuf"] as const)(
    "the Collector takes every upgraded vector over %s and passes on its content",
    async (transport) => {
      const { upgradeProfiles, writeProfiles } = await loadLayouts();
      for (const { name, bytes } of VECTORS) {
        const model = read(bytes);
        const written = writeProfiles(upgradeProfiles(model).model, "D10");
        if (written instanceof ParseError) throw written;
        await collector.send(transport, "profiles", written.bytes);
        expect(contentOf(read((await sink.next()).bytes)), name).toEqual(contentOf(model));
      }
    },
  );

  test("what podflame sends with layout 1.10 in front of it, the Collector takes, whoever sent it how", async () => {
    const [grpc = 0, http = 0] = await freePorts(2);
    const folder = mkdtempSync(join(tmpdir(), "podflame-layouts-"));
    writeFileSync(join(folder, "config.yaml"), upgrading(grpc, http, collector.grpcEndpoint));
    const [command, args] = relayCommand("podflame", join(folder, "config.yaml"));
    const podflame = new Program("podflame", command, args);
    try {
      await podflame.listening(http);
      for (const { name, bytes } of VECTORS) {
        for (const send of [sendGrpc.bind(undefined, grpc), sendHttp.bind(undefined, http)]) {
          await send("profiles", bytes);
          expect(contentOf(read((await sink.next()).bytes)), name).toEqual(contentOf(read(bytes)));
        }
      }
    } finally {
      await podflame.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

function upgrading(grpc: number, http: number, target: string): string {
  return `receivers:
  otlp: {protocols: {grpc: {endpoint: "127.0.0.1:${grpc}"}, http: {endpoint: "127.0.0.1:${http}"}}}
exporters:
  otlp_grpc: {endpoint: "${target}", tls: {insecure: true}, sending_queue: {enabled: false}, layout: 1.10}
service:
  telemetry: {metrics: {level: none}}
  pipelines: {profiles: {receivers: [otlp], exporters: [otlp_grpc]}}
`;
}
