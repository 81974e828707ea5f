import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { PROFILES_DEVELOPMENT_VERSION, PROFILES_DEVELOPMENT_VERSION_HEADER, SIGNAL_PATHS } from "#otlp";
import type { Clock, Telemetry } from "#telemetry";
import { createGrpcClient, GrpcStatus, type Client } from "#transport";
import { MessageBuffer, type BufferPool } from "#wire";
import { ROOT } from "./install.ts";

/** Where the recorded requests stand; their README says where they come from. */
const CAPTURES = join(ROOT, "testdata", "captures");
/** One request a second, in turn. */
const EVERY_MS = 1000;
const TIMEOUT_MS = 10_000;

interface Recorded {
  readonly name: string;
  readonly message: MessageBuffer;
  readonly headers: Readonly<Record<string, string>>;
}

/** Sends recorded profiles to an OTLP/gRPC endpoint, one after another and over again, until it is stopped. */
export class Replay {
  readonly #client: Client;
  readonly #telemetry: Telemetry;
  readonly #recorded: readonly Recorded[];
  readonly #stopping = new AbortController();
  #work: Promise<void> | undefined;

  constructor(endpoint: string, telemetry: Telemetry, buffers: BufferPool) {
    this.#client = createGrpcClient({ endpoint }, { telemetry, buffers });
    this.#telemetry = telemetry;
    this.#recorded = readCaptures();
  }

  start(): void {
    this.#work = this.#run(this.#telemetry.clock);
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error("the replay stops"));
    await this.#work;
    await this.#client.close();
  }

  async #run(clock: Clock): Promise<void> {
    const { signal } = this.#stopping;
    for (let turn = 0; !signal.aborted; turn++) {
      const { name, message, headers } = this.#recorded[turn % this.#recorded.length]!;
      const result = await this.#client.call(SIGNAL_PATHS.profiles.grpc, message, {
        timeoutMs: TIMEOUT_MS,
        headers,
        signal,
      });
      if (result.grpcStatus !== GrpcStatus.OK && !signal.aborted) {
        this.#telemetry.logger.warn("a recorded request was refused", { name, answer: result.message });
      }
      await clock.sleep(EVERY_MS, signal).catch(() => undefined);
    }
  }
}

function readCaptures(): Recorded[] {
  const files = readdirSync(CAPTURES)
    .filter((file) => file.endsWith(".binpb"))
    .sort();
  if (files.length === 0) throw new Error(`no recorded requests in ${CAPTURES}`);
  return files.map((file) => ({
    name: basename(file),
    message: MessageBuffer.copyOf(readFileSync(join(CAPTURES, file))),
    // Strings by reference came with 0.161; its senders say so in the call's metadata.
    headers: file.includes("v0.164") ? { [PROFILES_DEVELOPMENT_VERSION_HEADER]: PROFILES_DEVELOPMENT_VERSION } : {},
  }));
}
