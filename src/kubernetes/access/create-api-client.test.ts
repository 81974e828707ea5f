import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createLogger, ManualClock, MetricRegistry, type Telemetry } from "#telemetry";
import { ScriptedApiServer, type ScriptStep } from "../fixtures/scripted-api-server.ts";
import { fingerprint, selfSigned, type SelfSigned } from "../fixtures/self-signed.ts";
import type { ApiClient, ApiClientSettings } from "./api-client.ts";
import { createApiClient } from "./create-api-client.ts";

const OK = { headers: { "content-type": "application/json" }, body: "{}" };
const SECRET = "s3cr3t-t0ken-that-nobody-may-see";

let folder: string;
let server: ScriptedApiServer;
let client: ApiClient | undefined;
let clock: ManualClock;
let logged: string[];
let telemetry: Telemetry;
let identity: SelfSigned;

beforeAll(() => {
  identity = selfSigned("someone");
});

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "podflame-kubeconfig-"));
  server = await ScriptedApiServer.start(["127.0.0.1", "kubernetes.test"]);
  clock = new ManualClock(Date.parse("2026-11-22T12:00:00Z"));
  logged = [];
  const write = (line: string): void => void logged.push(line);
  telemetry = {
    clock,
    metrics: new MetricRegistry(),
    logger: createLogger({ level: "debug", encoding: "json", write }),
  };
});

afterEach(async () => {
  client?.close();
  client = undefined;
  await server[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
  expect(server.problems).toEqual([]);
  expect(logged.join("")).not.toContain(SECRET);
});

const file = (name: string, content: string): string => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};
const base64 = (text: string): string => Buffer.from(text).toString("base64");

/** A kubeconfig with one context; the cluster is the scripted server. */
function kubeconfig(user: object, cluster: object = {}, name = "config"): string {
  const trusted = { server: server.url, "certificate-authority-data": base64(server.ca), ...cluster };
  return file(
    name,
    JSON.stringify({
      "current-context": "here",
      contexts: [{ name: "here", context: { cluster: "c", user: "u", namespace: "shop" } }],
      clusters: [{ name: "c", cluster: trusted }],
      users: [{ name: "u", user }],
    }),
  );
}

/** Makes a client of that kubeconfig and sends `count` requests. */
async function request(kubeConfigPath: string, more: Partial<ApiClientSettings> = {}, count = 1): Promise<void> {
  client ??= await createApiClient({ authType: "kubeConfig", kubeConfigPath, ...more }, telemetry);
  for (let sent = 0; sent < count; sent++) (await client.get({ path: "/version" })).body.resume();
}

/** A step that wants to be authorized so. */
const authorized = (authorization: string | undefined, reply: ScriptStep["reply"] = OK): ScriptStep => ({
  expect: { path: "/version", authorization },
  reply,
});

describe("a kubeconfig", () => {
  test("gives a bearer token, the namespace, and the server's name without secrets", async () => {
    server.script(authorized(`Bearer ${SECRET}`));
    await request(kubeconfig({ token: SECRET }));
    expect(client).toMatchObject({ server: server.url, namespace: "shop" });
    expect(server.asked[0]!.headers["user-agent"]).toMatch(/^podflame\/\d+\.\d+\.\d+/);
  });

  test("gives a user name and password", async () => {
    server.script(authorized(`Basic ${base64("me:pass")}`));
    await request(kubeconfig({ username: "me", password: "pass" }));
  });

  test("gives a client certificate, inline or from files beside it", async () => {
    server.script(authorized(undefined), authorized(undefined));
    const { cert, key } = identity;
    await request(kubeconfig({ "client-certificate-data": base64(cert), "client-key-data": base64(key) }));
    client?.close();
    client = undefined;
    file("me.crt", cert);
    file("me.key", key);
    await request(kubeconfig({ "client-certificate": "me.crt", "client-key": "me.key" }));
    expect(server.asked.map(({ clientFingerprint }) => clientFingerprint)).toEqual(Array(2).fill(fingerprint(cert)));
  });

  test("gives headers of impersonation", async () => {
    server.script(authorized("Bearer t"));
    await request(
      kubeconfig({ token: "t", as: "jane", "as-groups": ["dev", "ops"], "as-user-extra": { scopes: ["a"] } }),
    );
    expect(server.asked[0]!.headers).toMatchObject({
      "impersonate-user": "jane",
      "impersonate-group": "dev, ops",
      "impersonate-extra-scopes": "a",
    });
  });

  test("names a context to use instead of the current one", async () => {
    server.script(authorized("Bearer other"));
    const path = kubeconfig({ token: "t" });
    const more = {
      contexts: [{ name: "there", context: { cluster: "c", user: "o" } }],
      users: [{ name: "o", user: { token: "other" } }],
    };
    const other = file("more", JSON.stringify(more));
    const env = { KUBECONFIG: [path, join(folder, "missing"), other].join(":") };
    client = await createApiClient({ authType: "kubeConfig", env, context: "there" }, telemetry);
    await request("");
  });

  test("of several files is the one that names a thing first", async () => {
    server.script(authorized("Bearer first"));
    const first = file("first", JSON.stringify({ users: [{ name: "u", user: { token: "first" } }] }));
    const env = { KUBECONFIG: `${first}:${kubeconfig({ token: "second" })}` };
    client = await createApiClient({ authType: "kubeConfig", env }, telemetry);
    await request("");
  });

  test("stands in ~/.kube/config when nothing else is said, and may be YAML", async () => {
    server.script(authorized("Bearer t"));
    mkdirSync(join(folder, ".kube"));
    const yaml = [
      "current-context: a",
      "contexts: [{name: a, context: {cluster: a, user: a}}]",
      `clusters: [{name: a, cluster: {server: "${server.url}", insecure-skip-tls-verify: true}}]`,
      "users: [{name: a, user: {token: t}}]",
    ];
    file(".kube/config", yaml.join("\n"));
    client = await createApiClient({ authType: "kubeConfig", env: { HOME: folder } }, telemetry);
    await request("");
    expect(logged.join("")).toContain("certificate is not verified");
  });

  test.each([
    ["no context", (): string => file("config", "{}"), /config: no context is chosen; set "context"/],
    [
      "an unknown context",
      (): string => kubeconfig({}),
      /there is no context "elsewhere"; choose one of: here/,
      "elsewhere",
    ],
    ["no server", (): string => kubeconfig({}, { server: "" }), /cluster "c": server: is missing/],
    [
      "a proxy of another kind",
      (): string => kubeconfig({}, { "proxy-url": "socks5://p" }),
      /proxy-url: is not a usable URL/,
    ],
    [
      "a certificate without a key",
      (): string => kubeconfig({ "client-certificate-data": "YQ==" }),
      /client-key is missing/,
    ],
    [
      "a lost authority",
      (): string => kubeconfig({}, { "certificate-authority-data": "", "certificate-authority": "x" }),
      /cannot read .*\/x/,
    ],
    ["a lost token file", (): string => kubeconfig({ tokenFile: "gone" }), /gone: cannot read the token/],
    [
      "an auth-provider",
      (): string => kubeconfig({ "auth-provider": { name: "gcp" } }),
      /auth-provider is not supported; use the/,
    ],
    [
      "a plugin of an old version",
      (): string => kubeconfig({ exec: { apiVersion: "client.authentication.k8s.io/v1alpha1", command: "x" } }),
      /v1alpha1" is not supported; use client/,
    ],
    [
      "a plugin that wants a terminal",
      (): string =>
        kubeconfig({
          exec: { apiVersion: "client.authentication.k8s.io/v1", command: "x", interactiveMode: "Always" },
        }),
      /wants a terminal/,
    ],
    ["no file", (): string => join(folder, "none"), /none: cannot read the kubeconfig/],
    [
      "no YAML",
      (): string => file("config", `users:\n  - name: u\n   user: {token: ${SECRET}`),
      /the kubeconfig is not YAML \(line \d\)/,
    ],
    ["a list instead of a map", (): string => file("config", "users: {}"), /users is not a list/],
  ])("with %s is refused with a remedy and without secrets", async (_what, make, message, context = "") => {
    const error = await createApiClient({ authType: "kubeConfig", kubeConfigPath: make(), context }, telemetry).catch(
      (caught: unknown) => caught,
    );
    expect(error).toMatchObject({ name: "KubernetesConfigError", message: expect.stringMatching(message) as string });
    expect(JSON.stringify([String(error), (error as Error).cause])).not.toContain(SECRET);
  });

  test("that isn't anywhere is asked for", async () => {
    const made = createApiClient({ authType: "kubeConfig", env: { HOME: folder } }, telemetry);
    await expect(made).rejects.toThrow(/\.kube\/config: there is no kubeconfig; set KUBECONFIG/);
  });
});

describe("the server's certificate", () => {
  test("must be of the authority that the kubeconfig names", async () => {
    const stranger = base64(selfSigned("stranger").cert);
    const sent = request(kubeconfig({ token: SECRET }, { "certificate-authority-data": stranger }));
    await expect(sent).rejects.toThrow(/cannot reach https:\/\/127.0.0.1:\d+: .*certificate/);
    expect(server.asked).toEqual([]);
  });

  test("may be for the name that tls-server-name says", async () => {
    server.script(authorized("Bearer t"));
    await request(kubeconfig({ token: "t" }, { "tls-server-name": "kubernetes.test" }));
    client?.close();
    client = undefined;
    const wrong = request(kubeconfig({ token: "t" }, { "tls-server-name": "another.test" }));
    await expect(wrong).rejects.toThrow(/another.test/);
  });
});

describe("certificates that are renewed", () => {
  test("the cluster's authority is read again when the server's certificate is of another", async () => {
    const other = selfSigned("old authority", ["127.0.0.1"]).cert;
    for (const name of ["token", "namespace"]) file(name, "x");
    file("ca.crt", other);
    const env = { KUBERNETES_SERVICE_HOST: "127.0.0.1", KUBERNETES_SERVICE_PORT: server.port };
    client = await createApiClient({ authType: "serviceAccount", env, serviceAccountDir: folder }, telemetry);
    await expect(request("")).rejects.toThrow(/certificate/);
    file("ca.crt", "broken");
    await expect(request("")).rejects.toThrow();
    file("ca.crt", server.ca);
    server.script(authorized("Bearer x"), authorized("Bearer x"));
    await request("", {}, 2);
    rmSync(join(folder, "ca.crt"));
  });

  test("a kubeconfig's authority as well", async () => {
    file("ca.crt", selfSigned("old authority", ["127.0.0.1"]).cert);
    const path = kubeconfig(
      { token: "t" },
      { "certificate-authority": "ca.crt", "certificate-authority-data": undefined },
    );
    await expect(request(path)).rejects.toThrow(/certificate/);
    file("ca.crt", server.ca);
    server.script(authorized("Bearer t"));
    await request(path);
  });

  test("a client's are read again when the server refuses the old ones", async () => {
    const next = selfSigned("someone");
    file("me.crt", identity.cert);
    file("me.key", identity.key);
    const path = kubeconfig({ "client-certificate": "me.crt", "client-key": "me.key" });
    const refused = { status: 401 };
    server.script(authorized(undefined), authorized(undefined, refused), authorized(undefined, refused));
    await request(path);
    // Nobody renewed it yet.
    await expect(request(path)).rejects.toMatchObject({ status: { code: 401 } });
    file("me.crt", next.cert);
    file("me.key", next.key);
    server.script(authorized(undefined));
    await request(path);
    expect(server.asked.at(-1)!.clientFingerprint).toBe(fingerprint(next.cert));
  });
});

describe("a token file", () => {
  test("is read again after a minute, and goes on with the old token while it is gone", async () => {
    server.script(...["one", "one", "two", "two"].map((token) => authorized(`Bearer ${token}`)));
    const path = kubeconfig({ token: "unused", tokenFile: "token" });
    const token = file("token", "one\n");
    await request(path);
    file("token", "two\n");
    await clock.advance(59_000);
    await request(path);
    await clock.advance(1000);
    await request(path);
    rmSync(token);
    await clock.advance(60_000);
    await request(path);
    expect(logged.join("")).toContain("going on with the one before");
  });

  test("is read again at once when the server refuses the token, and the request goes through", async () => {
    const path = kubeconfig({ tokenFile: "token" });
    file("token", "old");
    server.script(authorized("Bearer old"), authorized("Bearer old", { status: 401 }), authorized("Bearer new"));
    await request(path);
    file("token", "new");
    await request(path);
    expect(server.asked).toHaveLength(3);
  });

  test("that stays wrong gives 401 after one more try", async () => {
    file("token", SECRET);
    server.script(...[401, 401].map((status) => authorized(`Bearer ${SECRET}`, { status })));
    const sent = request(kubeconfig({ tokenFile: "token" }));
    await expect(sent).rejects.toMatchObject({ name: "ApiError", status: { code: 401 } });
    await expect(sent).rejects.not.toThrow(SECRET);
  });
});

describe("a credential plugin", () => {
  /** A plugin that runs `script` in bash; `$N` counts its runs. */
  const plugin = (script: string, more: object = {}, version = "v1"): string => {
    const body = `#!/bin/bash\nN=$(cat ${folder}/runs 2>/dev/null || echo 0); N=$((N+1)); echo $N >${folder}/runs\n${script}\n`;
    chmodSync(file("plugin", body), 0o755);
    const exec = {
      apiVersion: `client.authentication.k8s.io/${version}`,
      command: "./plugin",
      interactiveMode: "Never",
      ...more,
    };
    return kubeconfig({ exec });
  };
  const prints = (status: string, version = "v1"): string =>
    `cat <<END\n{"apiVersion": "client.authentication.k8s.io/${version}", "kind": "ExecCredential", "status": ${status}}\nEND`;

  test.each(["v1", "v1beta1"])(
    "gives a token (%s) made with its arguments and variables, and is run once",
    async (version) => {
      const env = [{ name: "PREFIX", value: "from-env" }];
      server.script(...Array.from({ length: 3 }, () => authorized("Bearer from-env-arg-1")));
      await request(plugin(prints('{"token": "$PREFIX-$1-$N"}', version), { args: ["arg"], env }, version), {}, 3);
    },
  );

  test("is told about the cluster when it asks", async () => {
    server.script(authorized(`Bearer ${server.url}`));
    const script = `SERVER=$(grep -o 'https://[^"]*' <<<"$KUBERNETES_EXEC_INFO"); ${prints('{"token": "$SERVER"}')}`;
    await request(plugin(script, { provideClusterInfo: true }));
  });

  test("runs again when its token expires, and when the server refuses it", async () => {
    server.script(
      authorized("Bearer t1"),
      authorized("Bearer t2"),
      authorized("Bearer t2", { status: 401 }),
      authorized("Bearer t3"),
    );
    const path = plugin(prints('{"token": "t$N", "expirationTimestamp": "2026-11-22T12:0$N:00Z"}'));
    await request(path);
    await clock.advance(55_000);
    await request(path, {}, 2);
  });

  test("gives a certificate, and the next one when it made another", async () => {
    const second = selfSigned("someone else");
    for (const [index, { cert, key }] of [identity, second].entries()) {
      const status = {
        clientCertificateData: cert,
        clientKeyData: key,
        expirationTimestamp: `2026-11-22T12:0${index + 1}:00Z`,
      };
      file(
        `answer${index + 1}`,
        JSON.stringify({ apiVersion: "client.authentication.k8s.io/v1", kind: "ExecCredential", status }),
      );
    }
    server.script(authorized(undefined), authorized(undefined));
    const path = plugin(`cat ${folder}/answer$N`);
    await request(path);
    await clock.advance(60_000);
    await request(path);
    const seen = server.asked.map(({ clientFingerprint }) => clientFingerprint);
    expect(seen).toEqual([fingerprint(identity.cert), fingerprint(second.cert)]);
  });

  test.each([
    [
      "isn't there",
      "true",
      { command: "no-such-plugin", installHint: "Install it from example.test" },
      /"no-such-plugin" was not found; Install it from example.test/,
    ],
    ["fails", `echo "denied ${SECRET}" >&2; exit 3`, {}, /ended with 3: denied \[REDACTED\]; run "\.\/plugin" by hand/],
    ["prints no JSON", `echo ${SECRET}`, {}, /did not print JSON/],
    [
      "prints another version",
      prints('{"token": "t"}', "v1beta1"),
      {},
      /printed ExecCredential of client.authentication.k8s.io\/v1beta1/,
    ],
    ["prints no credential", prints("{}"), {}, /neither a token nor a certificate/],
    ["prints a time that is none", prints('{"token": "t", "expirationTimestamp": "soon"}'), {}, /expirationTimestamp/],
  ])("that %s is named, without what it said in confidence", async (_what, script, more, message) => {
    const error = await request(plugin(script, more)).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ name: "KubernetesConfigError", message: expect.stringMatching(message) as string });
    expect(String(error)).not.toContain(SECRET);
  });
});

describe("a service account", () => {
  const environment = (): Record<string, string> => ({
    KUBERNETES_SERVICE_HOST: "127.0.0.1",
    KUBERNETES_SERVICE_PORT: server.port,
  });

  test("is what a pod finds mounted", async () => {
    file("token", SECRET);
    file("ca.crt", server.ca);
    file("namespace", "observability");
    server.script(authorized(`Bearer ${SECRET}`));
    const settings = { authType: "serviceAccount", env: environment(), serviceAccountDir: folder } as const;
    client = await createApiClient(settings, telemetry);
    await request("");
    expect(client.namespace).toBe("observability");
  });

  test("that isn't mounted, or a server that isn't named, is an error with a remedy", async () => {
    const settings = { authType: "serviceAccount", serviceAccountDir: folder } as const;
    await expect(createApiClient({ ...settings, env: environment() }, telemetry)).rejects.toThrow(
      /ca.crt: cannot read .*automount/,
    );
    await expect(createApiClient({ ...settings, env: {} }, telemetry)).rejects.toThrow(
      /KUBERNETES_SERVICE_HOST and .*kubeConfig/,
    );
  });

  test("is not needed with auth_type none", async () => {
    server.script(authorized(undefined));
    client = await createApiClient({ authType: "none", env: environment() }, telemetry);
    await request("");
  });
});

describe("a proxy", () => {
  let proxy: http.Server;
  let seen: { readonly target: string | undefined; readonly authorization: string | undefined }[];

  beforeAll(async () => {
    proxy = http.createServer().on("connect", (asked: http.IncomingMessage, socket: net.Socket) => {
      seen.push({ target: asked.url, authorization: asked.headers["proxy-authorization"] });
      if (asked.headers["proxy-authorization"] === undefined) return socket.end("HTTP/1.1 407 Who are you\r\n\r\n");
      const [host, port] = asked.url!.split(":");
      const far = net.connect(Number(port), host, () => socket.write("HTTP/1.1 200 OK\r\n\r\n"));
      for (const end of [socket, far]) end.on("error", () => undefined);
      socket.pipe(far).pipe(socket);
      return undefined;
    });
    await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  });
  beforeEach(() => {
    seen = [];
  });
  afterAll(() => {
    proxy.closeAllConnections();
    proxy.close();
  });
  const proxyUrl = (user: string): string => `http://${user}127.0.0.1:${(proxy.address() as net.AddressInfo).port}`;

  test("carries the connection, which stays between client and server", async () => {
    server.script(authorized("Bearer t"));
    await request(kubeconfig({ token: "t" }, { "proxy-url": proxyUrl("me:pass@") }));
    const target = server.url.replace("https://", "");
    expect(seen).toEqual([{ target, authorization: `Basic ${base64("me:pass")}` }]);
  });

  test("that refuses is named, without its password", async () => {
    const sent = request(kubeconfig({ token: "t" }, { "proxy-url": proxyUrl("") }));
    await expect(sent).rejects.toThrow(/cannot reach https:.* through the proxy 127.0.0.1:\d+: /);
    client?.close();
    client = undefined;
    const lost = request(kubeconfig({ token: "t" }, { "proxy-url": `http://me:${SECRET}@127.0.0.1:1` }));
    const error: unknown = await lost.catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(Error);
    expect(JSON.stringify([(error as Error).stack, (error as Error).cause])).not.toContain(SECRET);
  });
});

describe("requests", () => {
  test("are counted by verb and status, and say what the server said", async () => {
    const body = JSON.stringify({ kind: "Status", code: 404, reason: "NotFound", message: "no such thing" });
    server.script(authorized("Bearer t", { status: 404, headers: OK.headers, body }));
    await expect(request(kubeconfig({ token: "t" }))).rejects.toThrow(
      `GET ${server.url}/version: 404 NotFound: no such thing`,
    );
    expect(telemetry.metrics.value("podflame_k8s_requests", { verb: "get", code: "404" })).toBe(1);
  });

  test("know both forms of Retry-After", async () => {
    const after = (value: string): ScriptStep =>
      authorized("Bearer t", { status: 429, headers: { "retry-after": value } });
    server.script(after("7"), after("Sun, 22 Nov 2026 12:00:09 GMT"));
    const path = kubeconfig({ token: "t" });
    await expect(request(path)).rejects.toMatchObject({ status: { retryAfterMs: 7000 } });
    await expect(request(path)).rejects.toMatchObject({ status: { retryAfterMs: 9000 } });
  });

  test("are paced by qps and burst", async () => {
    server.script(...Array.from({ length: 3 }, () => authorized("Bearer t")));
    const path = kubeconfig({ token: "t" });
    await request(path, { qps: 1, burst: 2 }, 2);
    const third = request(path);
    await clock.advance(990);
    expect(server.asked).toHaveLength(2);
    await clock.advance(10);
    await third;
  });

  test("without an answer end after 65 s, and with the client", async () => {
    const silent = net.createServer().listen(0, "127.0.0.1");
    const port = await new Promise<number>((resolve) => {
      silent.once("listening", () => resolve((silent.address() as net.AddressInfo).port));
    });
    const sent = request(kubeconfig({ token: "t" }, { server: `https://127.0.0.1:${port}` }));
    const refused = expect(sent).rejects.toThrow(/no answer within 65 s/);
    await new Promise((resolve) => silent.once("connection", resolve));
    await clock.advance(65_000);
    await refused;
    silent.close();
  });
});
