import { ApiFormatError } from "../errors.ts";
import type { ApiClient } from "./api-client.ts";
import { readJson } from "./json-body.ts";

/** Whose a token is. */
export interface TokenOwner {
  /** E.g. `system:serviceaccount:podflame:agent`. */
  readonly username: string;
  /** Of a token that was made for one pod: its uid; undefined for others. */
  readonly podUid: string | undefined;
  /** Of such a token, where the API server tells it (Kubernetes 1.30 and later): the node of that pod. */
  readonly nodeName: string | undefined;
}

const POD_UID = "authentication.kubernetes.io/pod-uid";
const NODE_NAME = "authentication.kubernetes.io/node-name";

/**
 * Asks the API server whose a token is (TokenReview of authentication.k8s.io/v1). Undefined where it is nobody's, expired,
 * of a pod that was deleted, or meant for another audience. Takes the right to create `tokenreviews`; rejects as
 * `ApiClient.post` does.
 *
 * @param audience whom the token must be made for
 */
export async function reviewToken(
  client: ApiClient,
  token: string,
  audience: string,
  signal?: AbortSignal,
): Promise<TokenOwner | undefined> {
  const review = {
    apiVersion: "authentication.k8s.io/v1",
    kind: "TokenReview",
    spec: { token, audiences: [audience] },
  };
  const path = "/apis/authentication.k8s.io/v1/tokenreviews";
  const answer = await readJson(await client.post({ path, verb: "create", ...(signal && { signal }) }, review));
  const status = partOf(answer, "status");
  if (status === undefined) throw new ApiFormatError("the API server's review of a token has no answer");
  const { authenticated, audiences } = status;
  // An authenticator that knows nothing of audiences leaves them out, and has not looked at them.
  if (authenticated !== true || !Array.isArray(audiences) || !audiences.includes(audience)) return undefined;
  const user = partOf(status, "user");
  const username = user?.["username"];
  if (typeof username !== "string") throw new ApiFormatError("the API server's review of a token names no user");
  const extra = partOf(user, "extra");
  return { username, podUid: onlyText(extra?.[POD_UID]), nodeName: onlyText(extra?.[NODE_NAME]) };
}

function partOf(whole: unknown, name: string): Readonly<Record<string, unknown>> | undefined {
  const part: unknown = (whole as Readonly<Record<string, unknown>> | null | undefined)?.[name];
  return typeof part === "object" && part !== null ? (part as Readonly<Record<string, unknown>>) : undefined;
}

function onlyText(values: unknown): string | undefined {
  if (!Array.isArray(values) || values.length !== 1) return undefined;
  const [value] = values as readonly unknown[];
  return typeof value === "string" && value !== "" ? value : undefined;
}
