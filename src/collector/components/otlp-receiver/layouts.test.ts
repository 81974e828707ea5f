import { globSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import * as grpc from "@grpc/grpc-js";
import { afterEach, expect, test } from "vitest";
import { EXPERIMENTAL_PROFILES_PATHS, loadLayouts, ParseError, SIGNAL_PATHS } from "#otlp";
import { RecordingConsumer, testContext } from "../../testing/context.ts";
import { otlpReceiverConfig } from "./config.ts";
import { OtlpReceiver } from "./otlp-receiver.ts";

/** Requests of every layout as upstream's encoders made them, but for those without profiles, or without tables. */
const FOLDER = fileURLToPath(new URL("../../../../testdata/otlp-profiles/", import.meta.url));
const VECTORS = globSync("*/*.pb", { cwd: FOLDER })
  .filter((file) => !/l1-export-request|l4-empty-request|l4-no-profiles/.test(file))
  .sort()
  .map((file) => ({ file, bytes: readFileSync(FOLDER + file) }));

const closing: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** Both services over both transports, in one pipeline. */
async function start() {
  const endpoint = { endpoint: "127.0.0.1:0" };
  const parsed = otlpReceiverConfig.parse({ protocols: { grpc: endpoint, http: endpoint } });
  if ("problems" in parsed) throw new Error(JSON.stringify(parsed.problems));
  const profiles = new RecordingConsumer();
  const receiver = new OtlpReceiver(testContext("otlp/test"), parsed.config, { profiles });
  await receiver.start();
  closing.push(() => receiver.shutdown(AbortSignal.timeout(2000)));
  const client = new grpc.Client(receiver.addresses.grpc!, grpc.credentials.createInsecure());
  closing.push(() => client.close());
  const call = (path: string, bytes: Buffer): Promise<void> => {
    const asIs = (message: Buffer): Buffer => message;
    return new Promise((settle, fail) => {
      client.makeUnaryRequest(path, asIs, asIs, bytes, (error) => (error ? fail(error) : settle()));
    });
  };
  const post = async (path: string, bytes: Buffer): Promise<void> => {
    const headers = { "content-type": "application/x-protobuf" };
    const url = `http://${receiver.addresses.http!}${path}`;
    const response = await fetch(url, { method: "POST", body: new Uint8Array(bytes), headers });
    if (response.status !== 200) throw new Error(`HTTP ${response.status} ${await response.text()}`);
  };
  return { profiles, call, post };
}

test.each([
  ["v1development", SIGNAL_PATHS.profiles],
  ["v1experimental", EXPERIMENTAL_PROFILES_PATHS],
] as const)("profiles of every layout come in at %s as their bytes, and can be upgraded", async (service, paths) => {
  const { profiles, call, post } = await start();
  const { convertRequest } = await loadLayouts();
  for (const { file, bytes } of VECTORS) {
    await call(paths.grpc, bytes);
    await post(paths.http, bytes);
    const received = profiles.received.splice(0);
    expect(received.length, file).toBe(2);
    for (const { bytes: got, origin } of received) {
      expect(bytes.equals(got), file).toBe(true);
      expect(origin.profilesService).toBe(service);
      const converted = convertRequest(got, "D10", { prior: { service } });
      if (converted instanceof ParseError) throw converted;
      expect(converted.from === "D10", file).toBe(converted.bytes === got);
    }
  }
});
