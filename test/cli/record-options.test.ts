import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { freePorts } from "../free-ports.ts";
import { type Ended, folderWith, podflame } from "./podflame.ts";

describe("podflame record refuses", () => {
  test.each([
    [["-o", "x.unknown"], /what is x\.unknown to be\?/],
    [["-o", "/no/such/folder/x.otlp"], /\/no\/such\/folder\/x\.otlp cannot be written/],
    [["-o", "-", "--to", "otlp", "--json"], /both want standard output/],
    [["-o", "x.otlp", "--pid", "1", "--container", "abcdef"], /exclude each other/],
    [["-o", "x.otlp", "--pid", "4194304"], /there is no such process/],
    [["-o", "x.otlp", "--frequency", "1000"], /expected a number from 1 to 999/],
    [["-o", "x.otlp", "--off-cpu", "2"], /expected a share above 0 and up to 1/],
    [["-o", "x.otlp", "--pod", "web"], /expected NAMESPACE\/NAME, or the pod's uid/],
    [["-o", "x.otlp", "--", "no-such-program-here"], /there is no such program in PATH/],
    [[], /required option '-o, --output <file>' not specified/],
  ])("%j with 1, and says why", async (args, message) => {
    const { code, stderr } = await podflame(["record", ...args], { cwd: await folderWith({}) });
    expect(stderr).toMatch(message);
    expect(code).toBe(1);
  });
});

describe("podflame record --pod asks the cluster for the uid", () => {
  const UID = "6ffbc8f0-6fd4-4e39-9f6c-4c0f1a0a7a11";
  const KUBECONFIG = (port: number): string => `
apiVersion: v1
kind: Config
current-context: test
contexts: [{name: test, context: {cluster: test, user: test}}]
clusters: [{name: test, cluster: {server: "http://127.0.0.1:${port}"}}]
users: [{name: test, user: {token: secret}}]
`;

  async function recorded(port: number): Promise<Ended> {
    const cwd = await folderWith({ kubeconfig: KUBECONFIG(port) });
    const env = { KUBECONFIG: `${cwd}/kubeconfig`, KUBERNETES_SERVICE_HOST: "" };
    return podflame(["record", "-o", "x.otlp", "--pod", "shop/cart-0"], { cwd, env });
  }

  async function apiServer(code: number, body: unknown): Promise<{ port: number; asked: string[] }> {
    const asked: string[] = [];
    const server: Server = createServer((request, response) => {
      asked.push(request.url!);
      response.writeHead(code, { "content-type": "application/json" }).end(JSON.stringify(body));
    });
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
    onTestFinished(() => void server.close());
    return { port: (server.address() as AddressInfo).port, asked };
  }

  test("and looks for its containers here", async () => {
    const { port, asked } = await apiServer(200, { metadata: { uid: UID } });
    const { code, stderr } = await recorded(port);
    expect(asked).toEqual(["/api/v1/namespaces/shop/pods/cart-0"]);
    expect(stderr).toContain(`none of its containers runs on this node (pod uid ${UID})`);
    expect(code).toBe(1);
  });

  test("and tells what it answers where there is no such pod", async () => {
    const status = { kind: "Status", status: "Failure", message: 'pods "cart-0" not found', code: 404 };
    const { code, stderr } = await recorded((await apiServer(404, status)).port);
    expect(stderr).toMatch(/--pod shop\/cart-0: http:\/\/127.0.0.1:\d+ says: .*pods "cart-0" not found/);
    expect(code).toBe(1);
  });

  test("and ends with 2 where nobody answers", async () => {
    const [port] = await freePorts(1);
    const { code, stderr } = await recorded(port!);
    expect(stderr).toMatch(/--pod shop\/cart-0: http:\/\/127.0.0.1:\d+ says: .*ECONNREFUSED/);
    expect(code).toBe(2);
  });

  test("and says how to get the uid where there is no cluster to ask", async () => {
    const env = { KUBECONFIG: "/dev/null/none", KUBERNETES_SERVICE_HOST: "" };
    const { code, stderr } = await podflame(["record", "-o", "/tmp/x.otlp", "--pod", "shop/cart-0"], { env });
    expect(stderr).toContain("kubectl get pod -n shop cart-0 -o jsonpath={.metadata.uid}");
    expect(code).toBe(2);
  });
});
