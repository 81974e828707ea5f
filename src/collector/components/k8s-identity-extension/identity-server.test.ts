import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest";
import { hostKey } from "#collector";
import type { IdentityHandle, IdentityHub } from "#identity";
import { ScriptedApiServer } from "../../../kubernetes/fixtures/scripted-api-server.ts";
import { selfSigned } from "../../../kubernetes/fixtures/self-signed.ts";
import { TestHost, testContext, type TestContext } from "../../testing/context.ts";
import { lifecycleSuite } from "../../testing/lifecycle-suite.ts";
import { k8sIdentityConfig } from "./config.ts";
import { k8sIdentityExtensionFactory } from "./index.ts";
import { K8sIdentityExtension } from "./k8s-identity-extension.ts";

const KEYS = { label: () => true, annotation: () => true };
const folder = mkdtempSync(join(tmpdir(), "podflame-gateway-"));
const kubeConfig = join(folder, "kubeconfig");
writeFileSync(kubeConfig, configFor("https://127.0.0.1:1", ""));

lifecycleSuite(k8sIdentityExtensionFactory, [
  {
    name: "serving agents",
    config: { serve: { grpc: { endpoint: "127.0.0.1:0" }, auth_type: "kubeConfig", kube_config_path: kubeConfig } },
  },
]);

let server: ScriptedApiServer;
let cleanUp: (() => Promise<unknown> | void)[];

beforeEach(async () => {
  server = await ScriptedApiServer.start();
  cleanUp = [() => server[Symbol.asyncDispose]()];
  writeFileSync(kubeConfig, configFor(server.url, server.ca));
});

afterEach(async () => {
  for (const step of cleanUp.reverse()) await step();
});

afterAll(() => rmSync(folder, { recursive: true }));

function configFor(url: string, ca: string): string {
  return JSON.stringify({
    "current-context": "test",
    contexts: [{ name: "test", context: { cluster: "test", user: "test" } }],
    clusters: [
      { name: "test", cluster: { server: url, "certificate-authority-data": Buffer.from(ca).toString("base64") } },
    ],
    users: [{ name: "test", user: { token: "t" } }],
  });
}

interface Running {
  readonly extension: K8sIdentityExtension;
  readonly context: TestContext;
  readonly hub: IdentityHub;
}

async function run(config: unknown): Promise<Running> {
  const host = new TestHost();
  const context = testContext("k8s_identity", { host });
  const result = k8sIdentityConfig.parse(config);
  if ("problems" in result) throw new Error(JSON.stringify(result.problems));
  const extension = new K8sIdentityExtension(context, result.config);
  cleanUp.push(async () => {
    await extension.shutdown(AbortSignal.timeout(2000));
    await host.close();
    expect(context.buffers.stats.leased).toBe(0);
  });
  await extension.start();
  const hub = host.service(hostKey<IdentityHub>("identity"), () => {
    throw new Error("the extension made none");
  });
  return { extension, context, hub };
}

const gateway = (more: object = {}): Promise<Running> =>
  run({ serve: { grpc: { endpoint: "127.0.0.1:0" }, auth_type: "kubeConfig", kube_config_path: kubeConfig, ...more } });

interface Agent extends Running {
  readonly handle: IdentityHandle;
  readonly name: (uid: string) => string | undefined;
}

async function agent(endpoint: string, node: string, more: object = { tls: { insecure: true } }): Promise<Agent> {
  const running = await run({ sources: ["gateway"], node, gateway: { endpoint, ...more } });
  const handle = running.hub.join({
    source: { kind: "api", client: { authType: "serviceAccount" }, selection: {} },
    keys: KEYS,
    keysName: "all",
    graceMs: 0,
  });
  await handle.start();
  return { ...running, handle, name: (uid) => handle.view.directory.findUidText(uid)?.pod.name };
}

const podJson = (name: string, nodeName: string): object => ({
  kind: "Pod",
  metadata: { uid: `${name}-uid`, name, namespace: "shop", labels: { app: name }, annotations: { note: "private" } },
  spec: { nodeName, containers: [{ name: "main", image: "app:1" }] },
});
const json = { "content-type": "application/json" };

function script(pods: readonly object[], event?: { readonly after: Promise<unknown>; readonly object: object }): void {
  const body = JSON.stringify({ kind: "PodList", metadata: { resourceVersion: "1" }, items: pods });
  server.script({ reply: { headers: json, body } });
  const watch = event && { after: event.after, body: `${JSON.stringify({ type: "ADDED", object: event.object })}\n` };
  server.script({ reply: { headers: json, ...watch, ending: "hold" } });
}

const soon = { interval: 5 };

test("however many agents there are, the API server is asked by the gateway alone", async () => {
  const nodes = Array.from({ length: 30 }, (_, at) => `node-${at}`);
  const { promise: later, resolve } = Promise.withResolvers<void>();
  script(
    nodes.map((node) => podJson(`cart-on-${node}`, node)),
    { after: later, object: podJson("till", "node-7") },
  );
  const { extension } = await gateway();
  const agents = await Promise.all(nodes.map((node) => agent(extension.servesAt!, node)));
  for (const [at, one] of agents.entries()) {
    await expect.poll(() => one.handle.view.directory.isSynced, soon).toBe(true);
    expect([one.handle.view.directory.size, one.name(`cart-on-node-${at}-uid`)]).toEqual([1, `cart-on-node-${at}`]);
  }
  resolve();
  await expect.poll(() => agents[7]!.name("till-uid"), soon).toBe("till");
  expect(agents.map(({ handle }) => handle.view.directory.size)).toEqual(nodes.map((_, at) => (at === 7 ? 2 : 1)));
  expect(server.asked.map(({ path, query }) => [path, query["watch"]])).toEqual([
    ["/api/v1/pods", undefined],
    ["/api/v1/pods", "1"],
  ]);
  expect(server.problems).toEqual([]);
});

test("labels are told, annotations only where that is configured", async () => {
  script([podJson("cart", "node-1")]);
  const { extension } = await gateway({ annotations: "nothing-like-that", labels: "app|tier" });
  const { handle } = await agent(extension.servesAt!, "node-1");
  await expect.poll(() => handle.view.directory.isSynced, soon).toBe(true);
  const { labels, annotations } = handle.view.directory.findUidText("cart-uid")!.pod;
  expect([[...labels], annotations.size]).toEqual([[["app", "cart"]], 0]);
});

test("processors of the gateway share its watch", async () => {
  script([podJson("cart", "node-1")]);
  const { hub } = await gateway();
  const client = { authType: "kubeConfig", kubeConfigPath: kubeConfig, qps: 5, burst: 10 } as const;
  const handle = hub.join({ source: { kind: "api", client, selection: {} }, keys: KEYS, keysName: "x", graceMs: 0 });
  expect(hub.directories).toBe(1);
  await handle.shutdown();
});

test("an agent keeps what it knows while its gateway is gone, and finds it again", async () => {
  script([podJson("cart", "node-1")]);
  const first = await gateway();
  const endpoint = first.extension.servesAt!;
  const one = await agent(endpoint, "node-1");
  await expect.poll(() => one.handle.view.directory.isSynced, soon).toBe(true);
  await first.extension.shutdown(AbortSignal.timeout(2000));
  await expect.poll(() => one.handle.state().lastError, soon).toBe("the gateway closes");
  expect(one.name("cart-uid")).toBe("cart");

  script([podJson("till", "node-1")]);
  await gateway({ grpc: { endpoint } });
  await expect
    .poll(async () => {
      await one.context.clock.advance(5_000);
      return one.name("till-uid");
    }, soon)
    .toBe("till");
  expect(one.handle.state().lastError).toBeUndefined();
});

describe("who may ask", () => {
  const token = join(folder, "token");
  const wrong = join(folder, "wrong");
  writeFileSync(token, "secret\n");
  writeFileSync(wrong, "guess\n");

  test.each([
    ["the token", { token_file: token }, undefined],
    ["another token", { token_file: wrong }, "the gateway knows another token"],
    ["no token", {}, "the gateway knows another token"],
    ["a token file that isn't there", { token_file: join(folder, "none") }, "the gateway's token can't be read"],
  ])("is whoever has the token: %s", async (_what, given, error) => {
    script([podJson("cart", "node-1")]);
    const { extension } = await gateway({ token_file: token });
    const { handle, name } = await agent(extension.servesAt!, "node-1", { tls: { insecure: true }, ...given });
    if (error === undefined) await expect.poll(() => name("cart-uid"), soon).toBe("cart");
    else await expect.poll(() => handle.state().lastError, soon).toContain(error);
    expect(name("cart-uid")).toBe(error === undefined ? "cart" : undefined);
  });

  describe("is an agent by its pod's token", () => {
    const ACCOUNT = "system:serviceaccount:podflame:agent";
    const POD = { "authentication.kubernetes.io/pod-uid": ["agent-uid"] };
    const NODE = { "authentication.kubernetes.io/node-name": ["node-1"] };

    /** Of the gateway that serves `podflame/agent`, an agent of node-1 whose token is reviewed so. */
    async function reviewed(status: object, code = 201): Promise<Agent> {
      script([podJson("cart", "node-1"), podJson("agent", "node-1"), podJson("other", "node-2")]);
      server.script({
        expect: { path: "/apis/authentication.k8s.io/v1/tokenreviews" },
        reply: { status: code, headers: json, body: JSON.stringify({ kind: "TokenReview", status }) },
      });
      const { extension } = await gateway({ service_accounts: ["podflame/agent"] });
      // List and watch; then the review.
      await server.whenAsked(2);
      return agent(extension.servesAt!, "node-1", { tls: { insecure: true }, token_file: token });
    }
    const owner = (extra: object, username = ACCOUNT): object => ({
      authenticated: true,
      audiences: ["podflame"],
      user: { username, extra },
    });

    test.each([
      ["the API server tells its node", { ...POD, ...NODE }],
      ["the gateway knows its pod", POD],
    ])("and is told of its node where %s", async (_, extra) => {
      const { handle, name } = await reviewed(owner(extra));
      await expect.poll(() => handle.view.directory.isSynced, soon).toBe(true);
      expect([name("cart-uid"), name("other-uid")]).toEqual(["cart", undefined]);
      expect(server.problems).toEqual([]);
    });

    test.each([
      [
        "of another node",
        owner({ ...POD, "authentication.kubernetes.io/node-name": ["node-2"] }),
        "the token is of a pod on node node-2",
      ],
      [
        "of another account",
        owner({ ...POD, ...NODE }, "system:serviceaccount:shop:till"),
        "the gateway serves no system:serviceaccount:shop:till",
      ],
      ["of no pod", owner({}), "the token isn't a pod's: mount it as a projected volume"],
      [
        "of a pod that the gateway doesn't know yet",
        owner({ "authentication.kubernetes.io/pod-uid": ["new-uid"] }),
        "the gateway doesn't know the node of the token's pod yet",
      ],
      ["that is nobody's", { authenticated: false }, 'the token is expired, or wasn\'t made for "podflame"'],
      [
        "for another audience",
        { ...owner({ ...POD, ...NODE }), audiences: ["api"] },
        'the token is expired, or wasn\'t made for "podflame"',
      ],
    ])("but not by one %s", async (_, status, error) => {
      const { handle, name } = await reviewed(status);
      await expect.poll(() => handle.state().lastError, soon).toContain(error);
      expect(name("cart-uid")).toBeUndefined();
    });

    test("but not where the API server doesn't review tokens for the gateway", async () => {
      const { handle } = await reviewed({}, 403);
      await expect.poll(() => handle.state().lastError, soon).toContain("the gateway can't have tokens reviewed");
    });

    test("but not without one", async () => {
      script([podJson("cart", "node-1")]);
      const { extension } = await gateway({ service_accounts: ["podflame/agent"] });
      const { handle } = await agent(extension.servesAt!, "node-1");
      const error = 'the gateway wants a service account\'s token for "podflame"';
      await expect.poll(() => handle.state().lastError, soon).toContain(error);
    });
  });

  test("is told over TLS, to whom the gateway's certificate is one", async () => {
    script([podJson("cart", "node-1")]);
    const { cert, key } = selfSigned("gateway", ["127.0.0.1"]);
    const { extension } = await gateway({
      grpc: { endpoint: "127.0.0.1:0", tls: { cert_pem: cert, key_pem: key } },
      token_file: token,
    });
    const trusting = await agent(extension.servesAt!, "node-1", { tls: { ca_pem: cert }, token_file: token });
    await expect.poll(() => trusting.name("cart-uid"), soon).toBe("cart");
    expect(trusting.context.logger.messages("warn")).toEqual([]);
    const other = await agent(extension.servesAt!, "node-1", {
      tls: { ca_pem: selfSigned("gateway", ["127.0.0.1"]).cert },
      token_file: token,
    });
    await expect.poll(() => other.handle.state().lastError, soon).toMatch(/certificate/);
  });

  test("is a matter of the configuration: an endpoint for all needs a token or client certificates", () => {
    const problems = (config: object): string[] => {
      const result = k8sIdentityConfig.parse(config);
      return "problems" in result ? result.problems.map(({ path, message }) => `${path.join("::")} ${message}`) : [];
    };
    expect(problems({ serve: { grpc: { endpoint: "0.0.0.0:4319" } } })).toEqual([
      'serve::grpc::endpoint "0.0.0.0:4319" tells anybody who reaches it of all pods; give service_accounts, token_file, or grpc::tls::client_ca_file',
    ]);
    expect(problems({ serve: { grpc: { endpoint: "0.0.0.0:4319" }, token_file: token } })).toEqual([]);
    // So a variable that isn't set arrives.
    expect(problems({ serve: { grpc: { endpoint: "0.0.0.0:4319" }, token_file: "" } })).toHaveLength(1);
    expect(problems({ serve: { grpc: { endpoint: "127.0.0.1:4319" }, token_file: "" } })).toEqual([]);
    expect(problems({ serve: { grpc: { endpoint: "0.0.0.0:4319" }, service_accounts: ["a/b"] } })).toEqual([]);
    expect(problems({ serve: { service_accounts: [] } })[0]).toContain("serve::service_accounts is empty");
    expect(problems({ serve: { service_accounts: ["agent"] } })[0]).toContain('"agent" is no service account');
    expect(problems({ serve: { service_accounts: ["a/b"], token_file: token } })).toEqual([
      "serve::token_file has no use beside service_accounts, whose tokens say who asks",
    ]);
    expect(problems({ serve: null })).toEqual([]);
    expect(problems({ serve: { labels: "(" } })[0]).toContain('serve::labels "(" is no regular expression');
    expect(problems({ sources: ["cri"], serve: null })).toEqual([
      "serve needs the API server, to know the pods of all nodes; add api to sources",
    ]);
    expect(problems({ sources: ["gateway"], node: "n" })).toEqual([
      "sources names gateway, which needs a section gateway",
    ]);
    expect(problems({ sources: ["gateway"], gateway: { endpoint: "gateway:4319" }, node: "" })[0]).toContain(
      "node is missing, and the gateway is asked for a node's pods",
    );
  });
});
