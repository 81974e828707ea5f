import { ConsumeError, type Consumer, errorFrom, type ThrottledLog } from "#collector";
import {
  loadTranscoder,
  type Origin,
  ParseError,
  type Payload,
  PROFILES_DEVELOPMENT_VERSION,
  PROFILES_DEVELOPMENT_VERSION_HEADER,
  receivePayload,
  type Signal,
} from "#otlp";
import type { Connection, UnaryRequest } from "#transport";
import type { BufferPool, MessageBuffer } from "#wire";
import type { LayoutCounter } from "./layout-counter.ts";
import type { IntakeMetrics, MalformedReason } from "./receiver-metrics.ts";
import { fromConsumeError, INTERNAL_FAILURE, malformed, type Refusal } from "./status.ts";

/** What an intake takes: one signal, over one transport, for profiles one service. */
export interface IntakeRoute {
  readonly signal: Signal;
  readonly transport: "grpc" | "http";
  readonly profilesService?: "v1development" | "v1experimental";
}

/** Of a connection: requests that say the same of themselves share the object. */
const ORIGINS = Symbol("origins of this connection");
/** One for each signal, with room for a sender that changes its mind; then the oldest goes. */
const MAX_ORIGINS = 8;

/** Hands the requests of one route to its pipelines, and tells the outcome: undefined is success. */
export class Intake {
  readonly #route: IntakeRoute;
  readonly #consumer: Consumer;
  readonly #metrics: IntakeMetrics;
  readonly #buffers: BufferPool;
  readonly #log: ThrottledLog;
  readonly #layouts: LayoutCounter | undefined;

  /** @param layouts for profiles */
  constructor(
    route: IntakeRoute,
    consumer: Consumer,
    metrics: IntakeMetrics,
    buffers: BufferPool,
    log: ThrottledLog,
    layouts: LayoutCounter | undefined,
  ) {
    this.#layouts = layouts;
    this.#route = route;
    this.#consumer = consumer;
    this.#metrics = metrics;
    this.#buffers = buffers;
    this.#log = log;
  }

  get signal(): Signal {
    return this.#route.signal;
  }

  /** Takes a request whose message is protobuf. */
  receive(request: UnaryRequest): Promise<Refusal | undefined> {
    const version = this.#version(request);
    if (version instanceof ParseError) return Promise.resolve(this.#refuse("profiles_version", version));
    return this.#consume(request.message, this.#origin(request, version));
  }

  /** Takes a request whose message is OTLP/JSON. */
  async receiveJson(request: UnaryRequest): Promise<Refusal | undefined> {
    const version = this.#version(request);
    if (version instanceof ParseError) return this.#refuse("profiles_version", version);
    const { jsonToProtobuf } = await loadTranscoder();
    const message = jsonToProtobuf(this.#route.signal, request.message.bytes, this.#buffers);
    if (message instanceof ParseError) return this.#refuse("json", message);
    try {
      return await this.#consume(message, this.#origin(request, version));
    } finally {
      message.release();
    }
  }

  /** Counts a request in neither encoding. */
  refuseContentType(): void {
    this.#metrics.malformed("content_type");
  }

  #refuse(reason: MalformedReason, error: ParseError): Refusal {
    this.#metrics.malformed(reason);
    return malformed(error.message);
  }

  async #consume(message: MessageBuffer, origin: Origin): Promise<Refusal | undefined> {
    // The payload lives on the caller's reference, which is there until this settles.
    const payload = receivePayload(this.#route.signal, message, origin);
    if (payload instanceof ParseError) return this.#refuse("protobuf", payload);
    // protobuf-go's request without data.
    if (payload.bytes.length === 0) return undefined;
    this.#layouts?.count(payload);
    try {
      await this.#consumer.consume(payload);
      this.#metrics.accepted.add(payload.items);
      return undefined;
    } catch (error) {
      if (error instanceof ConsumeError) {
        this.#metrics.refused.add(payload.items);
        return fromConsumeError(error);
      }
      this.#metrics.failed.add(payload.items);
      this.#tellBug(errorFrom(error), payload);
      return INTERNAL_FAILURE;
    }
  }

  #tellBug(error: Error, payload: Payload): void {
    const { signal } = this.#route;
    this.#log.tell("error", signal, "a pipeline failed by a bug", { signal, error, stack: error.stack }, payload.items);
  }

  /** The schema that a profiles request names: exactly the one known, or none. */
  #version(request: UnaryRequest): string | undefined | ParseError {
    if (this.#route.signal !== "profiles") return undefined;
    const version = request.header(PROFILES_DEVELOPMENT_VERSION_HEADER);
    if (version === undefined || version === PROFILES_DEVELOPMENT_VERSION) return version;
    const known = `"${PROFILES_DEVELOPMENT_VERSION}" is known here`;
    return new ParseError(
      `"${version.slice(0, 40)}" names no known schema; ${known}`,
      PROFILES_DEVELOPMENT_VERSION_HEADER,
    );
  }

  #origin(request: UnaryRequest, version: string | undefined): Origin {
    const { transport, profilesService } = this.#route;
    const userAgent = request.header("user-agent");
    const known = originsOf(request.connection);
    for (const origin of known) {
      if (
        origin.profilesService === profilesService &&
        origin.profilesDevelopmentVersion === version &&
        origin.userAgent === userAgent
      ) {
        return origin;
      }
    }
    const origin: Origin = {
      protocol: transport,
      peerAddress: request.connection.peerAddress,
      ...(profilesService !== undefined && { profilesService }),
      ...(version !== undefined && { profilesDevelopmentVersion: version }),
      ...(userAgent !== undefined && { userAgent }),
    };
    if (known.length === MAX_ORIGINS) known.shift();
    known.push(origin);
    return origin;
  }
}

function originsOf(connection: Connection): Origin[] {
  let origins = connection.attachments.get(ORIGINS) as Origin[] | undefined;
  if (!origins) {
    origins = [];
    connection.attachments.set(ORIGINS, origins);
  }
  return origins;
}
