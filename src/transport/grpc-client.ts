/** gRPC's unary and server-streaming calls as a client. Why not grpc-js, nor `node:http2`: docs/decisions/0001-http2.md. */
import type { BufferPool, MessageBuffer } from "#wire";
import type { Clock } from "#telemetry";
import { formatHostPort, parseTarget, type Target } from "./address.ts";
import type { CallOutcome } from "./call-outcome.ts";
import { REPLY_ENCODINGS, sendCall } from "./client-call.ts";
import type { Address, ClientSession, ConnectSettings } from "./client-session.ts";
import { sendStream } from "./client-stream.ts";
import { createDeflater, type Deflater } from "./compression.ts";
import { formatGrpcTimeout } from "./grpc-wire.ts";
import type { OutgoingField, OutgoingHead } from "./http2/index.ts";
import { Lane } from "./lane.ts";
import { metadataField } from "./metadata.ts";
import { type Resolver, systemResolver } from "./resolver.ts";
import type { GrpcClientSettings, TransportContext } from "./settings.ts";
import { loadClientTls } from "./tls.ts";
import { type CallOptions, type CallResult, GrpcStatus, type StreamingClient, type StreamOptions } from "./types.ts";

/** While connections work, names are looked up again at most this often after one was lost; as grpc-go. */
const RESOLVE_EVERY_MS = 30_000;
/** How often a call that no server touched is sent again. */
const TRANSPARENT_RETRIES = 2;

/** Replaced in tests. */
export interface GrpcClientSeams {
  readonly resolve?: Resolver;
  readonly random?: () => number;
}

/**
 * Makes a client. It connects with the first call, again when a connection was lost (back-off 1 s to 120 s, during
 * which calls fail at once unless `waitForReady`), looks the name up again when it does, leaves a server that says
 * GOAWAY and sends again what that server didn't take. An uncompressed message goes out without a copy. Compresses with
 * gzip, deflate, zstd or snappy (framed, as Go reads it).
 *
 * @throws Error when the endpoint can't be read or the certificates can't be used
 */
export function createGrpcClient(
  settings: GrpcClientSettings,
  context: TransportContext,
  seams: GrpcClientSeams = {},
): StreamingClient {
  return new GrpcClient(settings, context, seams);
}

class GrpcClient implements StreamingClient {
  readonly #settings: GrpcClientSettings;
  readonly #clock: Clock;
  readonly #buffers: BufferPool;
  readonly #target: Target;
  readonly #resolve: Resolver;
  readonly #random: (() => number) | undefined;
  readonly #connect: ConnectSettings;
  readonly #fields: ReadonlyMap<string, OutgoingField>;
  /** The constant beginning of a head, by path. There are as many paths as methods. */
  readonly #heads = new Map<string, readonly OutgoingField[]>();
  readonly #deflater: Deflater | undefined;
  #lanes = new Map<string, Lane>();
  #order: Lane[] = [];
  #next = 0;
  #resolving: Promise<void> | undefined;
  #resolvedMs = -Infinity;
  #stale = true;
  #closed = false;

  constructor(settings: GrpcClientSettings, { telemetry, buffers }: TransportContext, seams: GrpcClientSeams) {
    const target = parseTarget(settings.endpoint);
    if (!target) throw new Error(`${settings.endpoint}: expected host:port or unix:path`);
    if (settings.tls) loadClientTls(settings.tls);
    this.#settings = settings;
    this.#clock = telemetry.clock;
    this.#buffers = buffers;
    this.#target = target;
    this.#resolve = seams.resolve ?? systemResolver;
    this.#random = seams.random;
    const authority =
      settings.authority ?? (target.kind === "unix" ? "localhost" : formatHostPort(target.host, target.port));
    this.#connect = {
      hostname: target.kind === "unix" ? "localhost" : target.host,
      authority,
      tls: settings.tls,
      keepalive: settings.keepalive,
      connectTimeoutMs: settings.connectTimeoutMs ?? 20_000,
      clock: telemetry.clock,
    };
    const compression = settings.compression ?? "none";
    if (compression !== "none") {
      const { compressionLevel: level } = settings;
      this.#deflater = createDeflater({ compression, level, framedSnappy: true }, buffers);
    }
    this.#fields = constantFields(settings, authority);
  }

  call(path: string, message: MessageBuffer, options: CallOptions): Promise<CallResult> {
    const deadlineMs = this.#clock.monotonicMs() + options.timeoutMs;
    return this.#begin(message, deadlineMs, options.signal, (session, body) => {
      const remainingMs = deadlineMs - this.#clock.monotonicMs();
      const timeout: OutgoingField = { name: "grpc-timeout", value: formatGrpcTimeout(remainingMs) };
      const timer = (expired: () => void) => this.#clock.timer(Math.max(0, remainingMs), expired);
      const limits = { timer, signal: options.signal };
      return this.#send(path, body, [timeout], options, REPLY_ENCODINGS, (head, bytes) =>
        sendCall(session, head, body.retain(), bytes, limits, this.#buffers),
      );
    });
  }

  stream(path: string, message: MessageBuffer, options: StreamOptions): Promise<CallResult> {
    const connectedByMs = this.#clock.monotonicMs() + options.connectTimeoutMs;
    return this.#begin(message, connectedByMs, options.signal, (session, body) =>
      this.#send(path, body, [], options, "identity", (head, bytes) =>
        sendStream(session, head, body.retain(), bytes, options, this.#clock),
      ),
    );
  }

  /** Finds a connection and sends, again where the server didn't look at it. */
  async #begin(
    message: MessageBuffer,
    connectedByMs: number,
    signal: AbortSignal | undefined,
    send: (session: ClientSession, body: MessageBuffer) => Promise<CallOutcome>,
  ): Promise<CallResult> {
    const body = this.#deflater ? await this.#deflate(message, this.#deflater) : message.retain();
    try {
      for (let attempt = 0; ; attempt++) {
        const picked = this.#ready() ?? (await this.#wait(connectedByMs, signal));
        if ("message" in picked) return picked;
        const outcome = await send(picked, body);
        if (outcome !== "not processed") return outcome;
        if (attempt === TRANSPARENT_RETRIES) return unavailable("the server refuses calls");
      }
    } finally {
      body.release();
    }
  }

  async #deflate(message: MessageBuffer, deflater: Deflater): Promise<MessageBuffer> {
    message.retain();
    try {
      return await deflater.deflate(message.bytes);
    } finally {
      message.release();
    }
  }

  #send(
    path: string,
    body: MessageBuffer,
    varying: OutgoingField[],
    { headers }: Pick<CallOptions, "headers">,
    replyEncodings: string,
    send: (head: OutgoingHead, bytes: Uint8Array) => Promise<CallOutcome>,
  ): Promise<CallOutcome> {
    try {
      for (const name in headers) varying.push(metadataField(name, headers[name]!));
    } catch (error) {
      const { message } = error as Error;
      return Promise.resolve({ grpcStatus: GrpcStatus.INTERNAL, message, cause: error as Error });
    }
    const bytes = body.framed();
    if (this.#deflater) bytes[0] = 1;
    return send({ constant: this.#head(path, replyEncodings), varying }, bytes);
  }

  #head(path: string, replyEncodings: string): readonly OutgoingField[] {
    let head = this.#heads.get(path);
    if (!head) {
      const [method, ...rest] = this.#fields.values();
      const encodings = { name: "grpc-accept-encoding", value: replyEncodings };
      head = [method!, { name: ":path", value: path }, ...rest, encodings];
      this.#heads.set(path, head);
    }
    return head;
  }

  /** A connection that takes calls now, in turn. Lanes without one are told to get one. */
  #ready(): ClientSession | undefined {
    const lanes = this.#order;
    for (let tried = 0; tried < lanes.length; tried++) {
      const lane = lanes[this.#next++ % lanes.length]!;
      const session = lane.session;
      if (!session) {
        if (lanes.length > 1) lane.connect().catch(() => undefined);
        continue;
      }
      if (this.#stale && this.#clock.monotonicMs() - this.#resolvedMs >= RESOLVE_EVERY_MS) {
        this.#lookUp().catch(() => undefined);
      }
      return session;
    }
    return undefined;
  }

  /** A connection, when there is one; the failure when there won't be. */
  async #wait(deadlineMs: number, signal: AbortSignal | undefined): Promise<ClientSession | CallResult> {
    const late = new AbortController();
    const timer = this.#clock.timer(Math.max(0, deadlineMs - this.#clock.monotonicMs()), () => late.abort());
    const ended = AbortSignal.any(signal ? [late.signal, signal] : [late.signal]);
    try {
      for (;;) {
        if (this.#closed) return unavailable("the client is closed");
        if (signal?.aborted) return { grpcStatus: GrpcStatus.CANCELLED, message: "canceled by the sender" };
        if (late.signal.aborted) {
          const message = `no connection to ${this.#settings.endpoint} in time`;
          return { grpcStatus: GrpcStatus.DEADLINE_EXCEEDED, message };
        }
        const tried = await settledOrAborted(this.#connectAny(), ended);
        if (tried === undefined) continue;
        if (!(tried instanceof Error)) return tried;
        if (this.#settings.waitForReady !== true) return unavailable(this.#describe(tried), tried);
        const waitMs = Math.min(...this.#order.map((lane) => lane.waitMs), 1000);
        await this.#clock.sleep(Math.max(10, waitMs), ended).catch(() => undefined);
      }
    } finally {
      timer.cancel();
    }
  }

  #describe(cause: Error): string {
    const { message } = cause;
    return `can't connect to ${this.#settings.endpoint}: ${message === "" ? (cause as NodeJS.ErrnoException).code : message}`;
  }

  async #connectAny(): Promise<ClientSession> {
    // While all lanes wait, a look-up would be asked for by each failing call.
    if (this.#stale && (this.#order.length === 0 || this.#order.some((lane) => lane.waitMs === 0)))
      await this.#lookUp();
    try {
      return await Promise.any(this.#order.map((lane) => lane.connect()));
    } catch (error) {
      throw (error as AggregateError).errors[0] as Error;
    }
  }

  #lookUp(): Promise<void> {
    this.#resolving ??= this.#resolve(this.#target)
      .then((addresses) => {
        if (addresses.length === 0) throw new Error(`${this.#connect.hostname} has no addresses`);
        this.#stale = false;
        this.#resolvedMs = this.#clock.monotonicMs();
        this.#useAddresses(addresses);
      })
      .finally(() => (this.#resolving = undefined));
    return this.#resolving;
  }

  #useAddresses(addresses: readonly Address[]): void {
    if (this.#closed) return;
    const groups = this.#settings.balancer === "round_robin" ? addresses.map((address) => [address]) : [addresses];
    const lanes = new Map<string, Lane>();
    for (const group of groups) {
      const key = this.#settings.balancer === "round_robin" ? JSON.stringify(group[0]) : "all";
      const kept = this.#lanes.get(key);
      if (kept) kept.addresses = group;
      lanes.set(key, kept ?? new Lane(group, this.#connect, () => (this.#stale = true), this.#random));
    }
    for (const [key, lane] of this.#lanes) if (!lanes.has(key)) lane.drain();
    this.#lanes = lanes;
    this.#order = [...lanes.values()];
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const lane of this.#order) lane.close(new Error("the client is closed"));
    await this.#resolving?.catch(() => undefined);
  }
}

/** What each call of a client begins with, but for the path. What the user configured overrides. */
function constantFields(settings: GrpcClientSettings, authority: string): Map<string, OutgoingField> {
  const { compression = "none", userAgent } = settings;
  const own: [string, string][] = [
    [":method", "POST"],
    [":scheme", settings.tls ? "https" : "http"],
    [":authority", authority],
    ["content-type", "application/grpc"],
    ["te", "trailers"],
  ];
  if (userAgent !== undefined) own.push(["user-agent", userAgent]);
  if (compression !== "none") own.push(["grpc-encoding", compression]);
  const fields = new Map(own.map(([name, value]): [string, OutgoingField] => [name, { name, value }]));
  for (const [name, value] of Object.entries(settings.headers ?? {})) {
    const field = metadataField(name, value.reveal());
    fields.set(field.name, field);
  }
  return fields;
}

function unavailable(message: string, cause?: Error): CallResult {
  return { grpcStatus: GrpcStatus.UNAVAILABLE, message, ...(cause && { cause }) };
}

/** What `work` gives or throws; undefined when `signal` aborts first. */
function settledOrAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T | Error | undefined> {
  return new Promise((resolve) => {
    const aborted = (): void => resolve(undefined);
    signal.addEventListener("abort", aborted, { once: true });
    work
      .then(resolve, (error: unknown) => resolve(error as Error))
      .finally(() => signal.removeEventListener("abort", aborted));
  });
}
