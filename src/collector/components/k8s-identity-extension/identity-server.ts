import { createHash, timingSafeEqual } from "node:crypto";
import { readFile } from "node:fs/promises";
import { type IdentityHandle, type IdentityHub, type IdentityNeeds, NodeFeeds, type ServingEnd } from "#identity";
import type { KeyFilter } from "#kubernetes";
import {
  createGrpcServer,
  type GrpcReply,
  type GrpcServerSettings,
  GrpcStatus,
  type MessageSink,
  type Server,
  type TransportContext,
  type UnaryRequest,
} from "#transport";
import { FOLLOW_NODE } from "./follow-method.ts";

/** How a gateway serves agents the pods of their nodes. */
export interface ServeSettings {
  readonly grpc: GrpcServerSettings;
  /** Holds the token that agents must have; undefined for none. */
  readonly tokenFile: string | undefined;
  /** Which pods it knows, and of which of their labels and annotations it tells. */
  readonly needs: IdentityNeeds;
}

/**
 * Serves agents the pods of their nodes, out of the directory that processors of the same settings use as well: the API
 * server is watched once, whatever the number of agents.
 */
export class IdentityServer {
  readonly #settings: ServeSettings;
  readonly #handle: IdentityHandle;
  readonly #context: TransportContext;
  #serving: { readonly feeds: NodeFeeds; readonly server: Server } | undefined;

  constructor(settings: ServeSettings, hub: IdentityHub, context: TransportContext) {
    this.#settings = settings;
    this.#context = context;
    this.#handle = hub.join(settings.needs);
  }

  /** Host and port in effect. */
  get address(): string {
    return this.#serving?.server.address ?? this.#settings.grpc.endpoint;
  }

  /** Rejects if the API server never can be asked, or nobody can listen there. */
  async start(): Promise<void> {
    const { grpc, needs } = this.#settings;
    const { telemetry, labels } = this.#context;
    await this.#handle.start();
    const keys: KeyFilter = needs.keys;
    const feeds = new NodeFeeds({
      directory: this.#handle.view.directory,
      keys,
      telemetry,
      ...(labels === undefined ? {} : { labels }),
    });
    const follow = (request: UnaryRequest, messages: MessageSink): Promise<GrpcReply> =>
      this.#follow(feeds, request, messages);
    const server = createGrpcServer(grpc, new Map(), this.#context, new Map([[FOLLOW_NODE, follow]]));
    this.#serving = { feeds, server };
    await server.listen();
    telemetry.logger.info("agents are told the pods of their nodes", { endpoint: server.address });
  }

  async stop(deadline: AbortSignal): Promise<void> {
    const serving = this.#serving;
    this.#serving = undefined;
    await serving?.server.close(deadline);
    serving?.feeds.close();
    await this.#handle.shutdown();
  }

  async #follow(feeds: NodeFeeds, request: UnaryRequest, messages: MessageSink): Promise<GrpcReply> {
    const refusal = await this.#refusal(request.header("authorization") ?? "");
    return refusal ?? replyTo(await feeds.serve(request.message.bytes, messages));
  }

  /** The answer to whoever hasn't the token. */
  async #refusal(authorization: string): Promise<GrpcReply | undefined> {
    const { tokenFile } = this.#settings;
    if (tokenFile === undefined) return undefined;
    let token: string;
    try {
      token = (await readFile(tokenFile, "utf8")).trim();
    } catch (error) {
      this.#context.telemetry.logger.error("the token of agents can't be read", { file: tokenFile, error });
      return { status: GrpcStatus.UNAVAILABLE, message: "the gateway can't read its token" };
    }
    if (token !== "" && isSame(authorization, `Bearer ${token}`)) return undefined;
    return { status: GrpcStatus.UNAUTHENTICATED, message: "the gateway knows another token" };
  }
}

/** Takes as long for any two texts. */
function isSame(one: string, other: string): boolean {
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(one), digest(other));
}

function replyTo(end: ServingEnd): GrpcReply {
  switch (end.kind) {
    case "left":
      return { status: GrpcStatus.CANCELLED };
    case "bad request":
      return { status: GrpcStatus.INVALID_ARGUMENT, message: end.message };
    case "too many agents":
      return { status: GrpcStatus.RESOURCE_EXHAUSTED, message: "the gateway serves too many agents" };
    case "stalled":
      return { status: GrpcStatus.ABORTED, message: "the agent took nothing for too long" };
    case "closing":
      return { status: GrpcStatus.UNAVAILABLE, message: "the gateway closes" };
  }
}
