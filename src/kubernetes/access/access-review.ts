import { ApiFormatError } from "../errors.ts";
import type { ApiClient } from "./api-client.ts";
import { readJson } from "./json-body.ts";

/** Something that one may or may not do: ResourceAttributes of authorization.k8s.io/v1. */
export interface AccessQuestion {
  readonly verb: string;
  /** API group, empty for the core group. */
  readonly apiGroup: string;
  /** Plural, e.g. `replicasets`; with a subresource as rules name it, `nodes/pods`. */
  readonly resource: string;
  /** Undefined for the whole cluster. */
  readonly namespace: string | undefined;
  /** The one object it is about; undefined for all. */
  readonly name: string | undefined;
}

/** What the API server's authorizers say. */
export interface AccessAnswer {
  readonly allowed: boolean;
  /** Why, where they tell; empty as a rule for what is not allowed. */
  readonly reason: string;
}

/**
 * Asks the API server whether it would let this client do that (SelfSubjectAccessReview). Everybody who is authenticated
 * may ask. Rejects as `ApiClient.post` does.
 */
export async function askAccess(
  client: ApiClient,
  { verb, apiGroup: group, resource: named, namespace, name }: AccessQuestion,
  signal?: AbortSignal,
): Promise<AccessAnswer> {
  const [resource, subresource] = named.split("/", 2);
  const review = {
    apiVersion: "authorization.k8s.io/v1",
    kind: "SelfSubjectAccessReview",
    spec: {
      resourceAttributes: {
        verb,
        group,
        resource,
        ...(subresource !== undefined && { subresource }),
        ...(namespace && { namespace }),
        ...(name !== undefined && { name }),
      },
    },
  };
  const path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
  const answer = await readJson(await client.post({ path, verb: "create", ...(signal && { signal }) }, review));
  const { allowed, reason } = ((answer as { status?: unknown } | null)?.status ?? {}) as Record<string, unknown>;
  if (typeof allowed !== "boolean") throw new ApiFormatError("the API server's review of rights has no answer");
  return { allowed, reason: typeof reason === "string" ? reason : "" };
}
