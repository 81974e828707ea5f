import { Readable } from "node:stream";
import { expect, test } from "vitest";
import type { ApiClient, ApiRequest } from "./api-client.ts";
import { reviewToken } from "./token-review.ts";

/** A client whose server answers so, and what it is asked. */
function clientOf(answer: unknown): { client: ApiClient; asked: [ApiRequest, unknown][] } {
  const asked: [ApiRequest, unknown][] = [];
  const body = typeof answer === "string" ? answer : JSON.stringify(answer);
  const client: Partial<ApiClient> = {
    post(request, object) {
      asked.push([request, object]);
      return Promise.resolve({ contentType: "application/json", body: Readable.from([Buffer.from(body)]) });
    },
  };
  return { client: client as ApiClient, asked };
}

const USERNAME = "system:serviceaccount:podflame:agent";
const EXTRA = {
  "authentication.kubernetes.io/credential-id": ["JTI=1"],
  "authentication.kubernetes.io/node-name": ["node-1"],
  "authentication.kubernetes.io/pod-name": ["agent-x"],
  "authentication.kubernetes.io/pod-uid": ["7a1b"],
};
const status = (more: object, user: object = {}): object => ({
  kind: "TokenReview",
  status: {
    authenticated: true,
    audiences: ["podflame"],
    user: { username: USERNAME, extra: EXTRA, ...user },
    ...more,
  },
});

test("tells a token's user, pod and node", async () => {
  const { client, asked } = clientOf(status({}));
  const owner = await reviewToken(client, "t0k3n", "podflame");
  expect(owner).toEqual({ username: USERNAME, podUid: "7a1b", nodeName: "node-1" });
  expect(asked[0]![0]).toMatchObject({ path: "/apis/authentication.k8s.io/v1/tokenreviews", verb: "create" });
  expect(asked[0]![1]).toMatchObject({ kind: "TokenReview", spec: { token: "t0k3n", audiences: ["podflame"] } });
});

test.each([
  ["of no pod", { extra: {} }, { podUid: undefined, nodeName: undefined }],
  ["without anything about it", { extra: undefined }, { podUid: undefined, nodeName: undefined }],
  [
    "of two pods, which isn't one",
    { extra: { ...EXTRA, "authentication.kubernetes.io/pod-uid": ["a", "b"] } },
    { podUid: undefined },
  ],
])("of a token %s too", async (_, user, wanted) => {
  expect(await reviewToken(clientOf(status({}, user)).client, "t", "podflame")).toMatchObject(wanted);
});

test.each([
  ["isn't authenticated", { authenticated: false }],
  ["is for another audience", { audiences: ["other"] }],
  ["comes from an authenticator without audiences", { audiences: undefined }],
])("a token that %s is nobody's", async (_, more) => {
  expect(await reviewToken(clientOf(status(more)).client, "t", "podflame")).toBeUndefined();
});

test.each(["null", "{}", '{"status":[]}', '{"status":7}', "<html>"])("%s gives nobody", async (body) => {
  const review = reviewToken(clientOf(body).client, "t", "podflame").catch((error: Error) => error.message);
  expect([
    undefined,
    "the API server's review of a token has no answer",
    "the API server's answer is no JSON",
  ]).toContain(await review);
});

test("a user without a name is an error", async () => {
  const { client } = clientOf(status({}, { username: 7 }));
  await expect(reviewToken(client, "t", "podflame")).rejects.toThrow("names no user");
});
