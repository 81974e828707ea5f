import { get } from "node:http";
import { describe, expect, onTestFinished, test } from "vitest";
import { SERVICE_STATUS, type ServiceState, type ServiceStatus } from "#collector";
import { lifecycleSuite } from "../../testing/lifecycle-suite.ts";
import { TestHost, testContext, type TestContext } from "../../testing/context.ts";
import { HealthCheckExtension } from "./health-check-extension.ts";
import { healthCheckExtensionFactory } from "./index.ts";

lifecycleSuite(healthCheckExtensionFactory, [{ name: "on any port", config: { endpoint: "127.0.0.1:0" } }]);

async function started(status: ServiceStatus): Promise<{ extension: HealthCheckExtension; context: TestContext }> {
  const host = new TestHost();
  host.service<ServiceStatus>(SERVICE_STATUS, () => status);
  const context = testContext("health_check", { host });
  const extension = new HealthCheckExtension(context, { host: "127.0.0.1", port: 0, path: "/health" });
  await extension.start();
  onTestFinished(() => extension.shutdown());
  return { extension, context };
}

function fetched(port: number | undefined, path: string): Promise<{ code: number | undefined; body: string }> {
  return new Promise((resolve, reject) => {
    get({ host: "127.0.0.1", port, path, agent: false }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (chunk: string) => (body += chunk));
      response.on("end", () => resolve({ code: response.statusCode, body }));
    }).on("error", reject);
  });
}

describe("the page", () => {
  test("says since when a ready service is up", async () => {
    const { extension, context } = await started({ state: "ready", readySinceMs: 1_700_000_000_000 });
    await context.clock.advance(3_723_500);
    const { code, body } = await fetched(extension.port, "/health?from=probe");
    expect(code).toBe(200);
    expect(JSON.parse(body)).toEqual({
      status: "Server available",
      upSince: "2023-11-14T22:13:20.000Z",
      uptime: "1h2m3.5s",
    });
  });

  test.each<ServiceState>(["starting", "stopping"])("is 503 while the service is %s", async (state) => {
    const { extension } = await started({ state, readySinceMs: state === "stopping" ? 1 : undefined });
    const { code, body } = await fetched(extension.port, "/health");
    expect(code).toBe(503);
    expect(JSON.parse(body)).toMatchObject({ status: "Server not available" });
  });

  test("is nowhere but at its path", async () => {
    const { extension } = await started({ state: "ready", readySinceMs: 1 });
    expect((await fetched(extension.port, "/")).code).toBe(404);
  });

  test("names the endpoint that is taken", async () => {
    const { extension } = await started({ state: "ready", readySinceMs: 1 });
    const second = new HealthCheckExtension(testContext("health_check"), {
      host: "127.0.0.1",
      port: extension.port!,
      path: "/",
    });
    await expect(second.start()).rejects.toThrow(
      `endpoint 127.0.0.1:${extension.port} is taken by another process; choose another endpoint`,
    );
  });
});
