import { createHash, timingSafeEqual } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { Directory } from "#identity";
import type { ApiClient, ApiClientSettings, TokenOwner } from "#kubernetes";
import type { Telemetry } from "#telemetry";
import { type GrpcReply, GrpcStatus } from "#transport";

/** Reviews are small, and all agents of a cluster may come back at once. */
const REVIEWS_PER_SECOND = 50;
const REVIEWS_AT_ONCE = 100;
const REVIEW_TIMEOUT_MS = 10_000;

/** An agent that may ask. */
export interface AdmittedAgent {
  /** The only node that it may ask for; undefined for any. */
  readonly node: string | undefined;
}

/** Says who may ask a gateway for pods, and for which node's. */
export interface AgentAccess {
  /** Resolves with the agent, or with the answer to whoever isn't let in. `authorization` is that header, or empty. */
  admit(authorization: string): Promise<AdmittedAgent | GrpcReply>;
  close(): void;
}

/** For a gateway that only this machine reaches, or whose clients' certificates TLS has checked. */
export const OPEN_ACCESS: AgentAccess = {
  admit: () => Promise.resolve({ node: undefined }),
  close: () => undefined,
};

/** One token for all agents, out of a file that is read each time: whoever has it may ask for any node. */
export class SharedToken implements AgentAccess {
  readonly #file: string;
  readonly #telemetry: Telemetry;

  constructor(file: string, telemetry: Telemetry) {
    this.#file = file;
    this.#telemetry = telemetry;
  }

  async admit(authorization: string): Promise<AdmittedAgent | GrpcReply> {
    let token: string;
    try {
      token = (await readFile(this.#file, "utf8")).trim();
    } catch (error) {
      this.#telemetry.logger.error("the token of agents can't be read", { file: this.#file, error });
      return { status: GrpcStatus.UNAVAILABLE, message: "the gateway can't read its token" };
    }
    if (token !== "" && isSame(authorization, `Bearer ${token}`)) return { node: undefined };
    return { status: GrpcStatus.UNAUTHENTICATED, message: "the gateway knows another token" };
  }

  close(): void {}
}

/** Agents that prove who they are by the token of their pod's service account. */
export interface PodTokenSettings {
  /** As the API server calls users: `system:serviceaccount:namespace:name`. */
  readonly users: ReadonlySet<string>;
  /** That tokens are made for; a token for the API server itself, or for another service, is none here. */
  readonly audience: string;
  /** How the API server is asked. */
  readonly client: ApiClientSettings;
}

/** Each agent has its pod's token, which the API server reviews: it may ask for the node on which that pod is. */
export class PodTokens implements AgentAccess {
  readonly #settings: PodTokenSettings;
  readonly #client: ApiClient;
  readonly #review: (token: string) => Promise<TokenOwner | undefined>;
  readonly #directory: Directory;
  readonly #telemetry: Telemetry;

  private constructor(
    settings: PodTokenSettings,
    client: ApiClient,
    review: (token: string) => Promise<TokenOwner | undefined>,
    directory: Directory,
    telemetry: Telemetry,
  ) {
    this.#settings = settings;
    this.#client = client;
    this.#review = review;
    this.#directory = directory;
    this.#telemetry = telemetry;
  }

  /** @param directory says where a pod is whose token doesn't tell (before Kubernetes 1.30) */
  static async open(settings: PodTokenSettings, directory: Directory, telemetry: Telemetry): Promise<PodTokens> {
    const { createApiClient, reviewToken } = await import("#kubernetes");
    const pace = { qps: REVIEWS_PER_SECOND, burst: REVIEWS_AT_ONCE };
    const client = await createApiClient({ ...settings.client, ...pace }, telemetry);
    const review = (token: string): Promise<TokenOwner | undefined> =>
      reviewToken(client, token, settings.audience, AbortSignal.timeout(REVIEW_TIMEOUT_MS));
    return new PodTokens(settings, client, review, directory, telemetry);
  }

  async admit(authorization: string): Promise<AdmittedAgent | GrpcReply> {
    const [, token] = /^Bearer (\S+)$/.exec(authorization) ?? [];
    const { users, audience } = this.#settings;
    if (token === undefined) return unauthenticated(`the gateway wants a service account's token for "${audience}"`);
    let owner: TokenOwner | undefined;
    try {
      owner = await this.#review(token);
    } catch (error) {
      this.#telemetry.logger.error("an agent's token can't be reviewed", { error });
      return { status: GrpcStatus.UNAVAILABLE, message: "the gateway can't have tokens reviewed" };
    }
    if (owner === undefined) return unauthenticated(`the token is expired, or wasn't made for "${audience}"`);
    if (!users.has(owner.username)) return denied(`the gateway serves no ${owner.username}`);
    if (owner.podUid === undefined) return denied("the token isn't a pod's: mount it as a projected volume");
    const node = owner.nodeName ?? this.#nodeOf(owner.podUid);
    if (node !== undefined) return { node };
    return { status: GrpcStatus.UNAVAILABLE, message: "the gateway doesn't know the node of the token's pod yet" };
  }

  close(): void {
    this.#client.close();
  }

  #nodeOf(podUid: string): string | undefined {
    const node = this.#directory.findUidText(podUid)?.pod.nodeName;
    return node === "" ? undefined : node;
  }
}

function unauthenticated(message: string): GrpcReply {
  return { status: GrpcStatus.UNAUTHENTICATED, message };
}

function denied(message: string): GrpcReply {
  return { status: GrpcStatus.PERMISSION_DENIED, message };
}

/** Takes as long for any two texts. */
function isSame(one: string, other: string): boolean {
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(one), digest(other));
}
