import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { PROFILES_DEVELOPMENT_VERSION, PROFILES_DEVELOPMENT_VERSION_HEADER, SIGNAL_PATHS } from "#otlp";
import type { Clock, Telemetry } from "#telemetry";
import { createGrpcClient, GrpcStatus, type Client } from "#transport";
import { MessageBuffer, type BufferPool } from "#wire";
import { ROOT } from "./install.ts";
import { RecordedTimes } from "./recorded-times.ts";

/** Where the recorded requests stand; their README says where they come from. */
const CAPTURES = join(ROOT, "testdata", "captures");
/** So long was recorded of what is in one request: sent as often, it looks as it did. */
const EVERY_MS = 5000;
const TIMEOUT_MS = 10_000;

interface Recorded {
  readonly name: string;
  readonly bytes: Buffer;
  readonly times: RecordedTimes;
  readonly headers: Readonly<Record<string, string>>;
}

/** Sends recorded profiles to an OTLP/gRPC endpoint as if they were of now, over and over, until it is stopped. */
export class Replay {
  readonly #client: Client;
  readonly #telemetry: Telemetry;
  readonly #recorded: readonly Recorded[];
  readonly #backfilled: number;
  readonly #stopping = new AbortController();
  #work: Promise<void> | undefined;

  /** @param backfillMs how much of the time before the start is filled as well */
  constructor(endpoint: string, telemetry: Telemetry, buffers: BufferPool, backfillMs: number) {
    this.#client = createGrpcClient({ endpoint }, { telemetry, buffers });
    this.#telemetry = telemetry;
    this.#recorded = readCaptures();
    this.#backfilled = Math.floor(backfillMs / EVERY_MS);
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
    for (let turn = -this.#backfilled; !signal.aborted; turn++) {
      await this.#send(
        this.#recorded[Math.abs(turn) % this.#recorded.length]!,
        clock.nowMs() + Math.min(turn, 0) * EVERY_MS,
      );
      if (turn >= 0) await clock.sleep(EVERY_MS, signal).catch(() => undefined);
    }
  }

  async #send({ name, bytes, times, headers }: Recorded, endMs: number): Promise<void> {
    const { signal } = this.#stopping;
    times.moveTo(endMs);
    const message = MessageBuffer.copyOf(bytes);
    const result = await this.#client.call(SIGNAL_PATHS.profiles.grpc, message, {
      timeoutMs: TIMEOUT_MS,
      headers,
      signal,
    });
    if (result.grpcStatus !== GrpcStatus.OK && !signal.aborted) {
      this.#telemetry.logger.warn("a recorded request was refused", { name, answer: result.message });
    }
  }
}

function readCaptures(): Recorded[] {
  const files = readdirSync(CAPTURES)
    .filter((file) => file.endsWith(".binpb"))
    .sort();
  if (files.length === 0) throw new Error(`no recorded requests in ${CAPTURES}`);
  return files.map((file) => {
    const bytes = readFileSync(join(CAPTURES, file));
    return {
      name: basename(file),
      bytes,
      times: new RecordedTimes(bytes),
      // Strings by reference came with 0.161; its senders say so in the call's metadata.
      headers: file.includes("v0.164") ? { [PROFILES_DEVELOPMENT_VERSION_HEADER]: PROFILES_DEVELOPMENT_VERSION } : {},
    };
  });
}
