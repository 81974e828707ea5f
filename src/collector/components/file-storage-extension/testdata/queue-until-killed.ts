/**
 * Started by the tests: accepts five requests into a stored queue whose receiving end never answers, says so on
 * standard output, and waits to be killed. Usage: queue-until-killed.ts DIRECTORY
 */
import { Sender } from "#collector";
import { Writer } from "#wire";
import { testContext, testPayload } from "../../../testing/context.ts";
import { FileStorageExtension } from "../file-storage-extension.ts";
import { fileStorageConfig } from "../config.ts";

const context = testContext("otlp_grpc/kept");
const read = fileStorageConfig.parse({ directory: process.argv[2] });
if ("problems" in read) throw new Error(JSON.stringify(read.problems));
const extension = new FileStorageExtension(testContext("file_storage", { host: context.host }), read.config);
await extension.start();
const queue = {
  consumers: 2,
  capacity: 100,
  sizer: "requests" as const,
  blockOnOverflow: false,
  waitForResult: false,
  maxBytes: 1 << 20,
  storage: "file_storage",
};
const never = new Promise<never>(() => undefined);
const sender = new Sender(context, { timeoutMs: 5000, queue, retry: undefined }, () => never);
await sender.start();
for (let number = 1; number <= 5; number++) {
  const writer = new Writer();
  writer.open(1);
  writer.string(3, `request ${number}`);
  writer.close();
  const origin = { protocol: "grpc" as const, peerAddress: "10.0.0.7", profilesDevelopmentVersion: "1" };
  await sender.consume(testPayload("profiles", writer.finish(), origin));
}
process.stdout.write("accepted 5\n");
setInterval(() => undefined, 1000);
