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
import { type AgentAccess, OPEN_ACCESS, PodTokens, type PodTokenSettings, SharedToken } from "./agent-access.ts";
import { FOLLOW_NODE } from "./follow-method.ts";

/** How a gateway serves agents the pods of their nodes. */
export interface ServeSettings {
  readonly grpc: GrpcServerSettings;
  /** What lets agents in: one token for all of them, or the tokens of their pods. */
  readonly access:
    | { readonly kind: "open" }
    | { readonly kind: "shared token"; readonly file: string }
    | ({ readonly kind: "pod tokens" } & PodTokenSettings);
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
  #serving: { readonly feeds: NodeFeeds; readonly server: Server; readonly access: AgentAccess } | undefined;

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
    const access = await this.#access();
    const feeds = new NodeFeeds({
      directory: this.#handle.view.directory,
      keys,
      telemetry,
      ...(labels === undefined ? {} : { labels }),
    });
    const follow = (request: UnaryRequest, messages: MessageSink): Promise<GrpcReply> =>
      follows(feeds, access, request, messages);
    const server = createGrpcServer(grpc, new Map(), this.#context, new Map([[FOLLOW_NODE, follow]]));
    this.#serving = { feeds, server, access };
    await server.listen();
    telemetry.logger.info("agents are told the pods of their nodes", { endpoint: server.address });
  }

  async stop(deadline: AbortSignal): Promise<void> {
    const serving = this.#serving;
    this.#serving = undefined;
    await serving?.server.close(deadline);
    serving?.feeds.close();
    serving?.access.close();
    await this.#handle.shutdown();
  }

  async #access(): Promise<AgentAccess> {
    const { access } = this.#settings;
    const { telemetry } = this.#context;
    switch (access.kind) {
      case "open":
        return OPEN_ACCESS;
      case "shared token":
        return new SharedToken(access.file, telemetry);
      case "pod tokens":
        return await PodTokens.open(access, this.#handle.view.directory, telemetry);
    }
  }
}

async function follows(
  feeds: NodeFeeds,
  access: AgentAccess,
  request: UnaryRequest,
  messages: MessageSink,
): Promise<GrpcReply> {
  const admitted = await access.admit(request.header("authorization") ?? "");
  if ("status" in admitted) return admitted;
  return replyTo(await feeds.serve(request.message.bytes, messages, admitted.node));
}

function replyTo(end: ServingEnd): GrpcReply {
  switch (end.kind) {
    case "left":
      return { status: GrpcStatus.CANCELLED };
    case "bad request":
      return { status: GrpcStatus.INVALID_ARGUMENT, message: end.message };
    case "another node":
      return { status: GrpcStatus.PERMISSION_DENIED, message: `the token is of a pod on node ${end.node}` };
    case "too many agents":
      return { status: GrpcStatus.RESOURCE_EXHAUSTED, message: "the gateway serves too many agents" };
    case "stalled":
      return { status: GrpcStatus.ABORTED, message: "the agent took nothing for too long" };
    case "closing":
      return { status: GrpcStatus.UNAVAILABLE, message: "the gateway closes" };
  }
}
