import { readdirSync, readFileSync, statSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { startContender, type ContenderName, type ContenderSettings, type Pipeline } from "./contender.ts";
import { drive, Sink, type RequestShape, type SinkReport } from "./loadgen.ts";

/** A benchmark did not do the work that it was to measure. */
export class HitError extends Error {}

/** Bytes that leave a server for each request of a file, when every resource got its pod. */
export type SizesOut = readonly number[];

/**
 * Sends every request of a file once through a server into a sink that decodes, and checks that every resource left
 * with the name of the pod that its container belongs to. Returns the size of each request as it left: the measured
 * runs then go into a sink that only counts, and `checkBytes` compares. Decoding there would cost more than the server.
 *
 * @param podOfContainer pod name by container id
 */
export async function verifyHits(
  name: ContenderName,
  pipeline: Pipeline,
  shape: RequestShape,
  requestsFile: string,
  podOfContainer: ReadonlyMap<string, string>,
  settings: ContenderSettings,
): Promise<SizesOut> {
  for (const seconds of [4, 12, 40]) {
    const sizes = await inspect(name, pipeline, shape, requestsFile, podOfContainer, settings, seconds);
    if (sizes !== undefined) return sizes;
  }
  throw new HitError(`${name} ${shape.name}: did not pass on ${shape.requests} requests in 40 s`);
}

async function inspect(
  name: ContenderName,
  pipeline: Pipeline,
  shape: RequestShape,
  requestsFile: string,
  podOfContainer: ReadonlyMap<string, string>,
  settings: ContenderSettings,
  seconds: number,
): Promise<SizesOut | undefined> {
  const folder = join(settings.workFolder, "inspected");
  const logFile = join(settings.workFolder, "inspected.log");
  await rm(folder, { recursive: true, force: true });
  const sink = await Sink.inspecting(settings.ports.sink, {
    attribute: "k8s.pod.name",
    logFile,
    folder,
    most: shape.requests,
  });
  try {
    const server = await startContender(name, pipeline, settings);
    try {
      // One connection: requests arrive in the order in which they are sent.
      await drive({ port: settings.ports.intake, requestsFile, connections: 1, seconds, warmupSeconds: 0 });
    } finally {
      await server.stop();
    }
  } finally {
    await sink.stop();
  }
  checkNames(`${name} ${shape.name}`, readFileSync(logFile, "utf8"), podOfContainer);
  const files = readdirSync(folder).toSorted();
  if (files.length < shape.requests) return undefined;
  const sizes = files.map((file) => statSync(join(folder, file)).size);
  await rm(folder, { recursive: true, force: true });
  // The first one to arrive is the second of the file.
  return [...sizes.slice(-1), ...sizes.slice(0, -1)];
}

/** Checks lines `unix-ms container-id pod-name-or--`: every one has the pod of its container. */
export function checkNames(what: string, log: string, podOfContainer: ReadonlyMap<string, string>): void {
  const lines = log.split("\n").filter((line) => line !== "");
  if (lines.length === 0) throw new HitError(`${what}: no resource arrived`);
  const wrong = lines.filter((line) => {
    const [, container = "", pod] = line.split(" ");
    return pod !== podOfContainer.get(container);
  });
  if (wrong.length > 0) {
    throw new HitError(
      `${what}: ${wrong.length} of ${lines.length} resources without the right pod, first: ${wrong[0]}`,
    );
  }
}

/**
 * Checks that the sink got exactly the bytes that it gets when every resource of every request is enriched. The client
 * sends the requests of the file in turn, from the second one on, so the number of requests says which ones they were.
 */
export function checkBytes(what: string, sizes: SizesOut, sink: SinkReport): void {
  const round = sizes.reduce((sum, size) => sum + size, 0);
  const rest = sink.requests % sizes.length;
  let expected = Math.floor(sink.requests / sizes.length) * round;
  for (let sent = 1; sent <= rest; sent++) expected += sizes[sent % sizes.length]!;
  if (sink.bytes !== expected) {
    throw new HitError(
      `${what}: ${sink.requests} requests left with ${sink.bytes} bytes, ${expected} with every resource enriched`,
    );
  }
}
