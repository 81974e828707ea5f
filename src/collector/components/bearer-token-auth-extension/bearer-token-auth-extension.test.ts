import { mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync, mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { clientAuthenticators } from "#collector";
import { testContext, type TestContext } from "../../testing/context.ts";
import { lifecycleSuite } from "../../testing/lifecycle-suite.ts";
import { bearerTokenAuthConfig } from "./config.ts";
import { bearerTokenAuthExtensionFactory } from "./index.ts";

const folder = mkdtempSync(join(tmpdir(), "podflame-token-"));
const tokenFile = join(folder, "token");
writeFileSync(tokenFile, "abc\n");
afterAll(() => rmSync(folder, { recursive: true }));

lifecycleSuite(bearerTokenAuthExtensionFactory, [
  { name: "with a token", config: { token: "abc" } },
  { name: "with a file", config: { filename: tokenFile } },
]);

async function start(input: object): Promise<{ headers: () => object; context: TestContext }> {
  const read = bearerTokenAuthConfig.parse(input);
  if ("problems" in read) throw new Error(JSON.stringify(read.problems));
  const context = testContext("bearertokenauth/gateway");
  await bearerTokenAuthExtensionFactory.create(context, read.config).start();
  const authenticator = context.host.service(clientAuthenticators, () => new Map()).get("bearertokenauth/gateway")!;
  return { headers: () => authenticator.headers(), context };
}

describe("the header", () => {
  test.each([
    [{ token: "abc" }, { authorization: "Bearer abc" }],
    [{ token: "abc", scheme: "Token" }, { authorization: "Token abc" }],
    [{ token: "abc", scheme: "", header: "X-Api-Key" }, { "x-api-key": "abc" }],
    [{ filename: tokenFile, token: "ignored" }, { authorization: "Bearer abc" }],
  ])("of %j is %j", async (input, expected) => {
    const { headers } = await start(input);
    expect(headers()).toEqual(expected);
  });

  test("is the same object until the token changes", async () => {
    const { headers, context } = await start({ filename: tokenFile });
    const first = headers();
    await context.clock.advance(2000);
    expect(headers()).toBe(first);
  });
});

describe("a token file", () => {
  test("is read again when it is rotated as Kubernetes does, by swapping a link to a folder", async () => {
    for (const version of ["one", "two"]) {
      mkdirSync(join(folder, version));
      writeFileSync(join(folder, version, "token"), version);
    }
    symlinkSync("one", join(folder, "..data"));
    const { headers, context } = await start({ filename: join(folder, "..data", "token") });
    expect(headers()).toEqual({ authorization: "Bearer one" });
    symlinkSync("two", join(folder, "..next"));
    renameSync(join(folder, "..next"), join(folder, "..data"));
    await context.clock.advance(1000);
    expect(headers()).toEqual({ authorization: "Bearer two" });
  });

  test("that disappears leaves the last token in use, and is told", async () => {
    const file = join(folder, "short-lived");
    writeFileSync(file, "xyz");
    const { headers, context } = await start({ filename: file });
    rmSync(file);
    await context.clock.advance(1000);
    expect(headers()).toEqual({ authorization: "Bearer xyz" });
    expect(context.logger.messages("warn")).toEqual(["token file cannot be read, using the last token"]);
  });

  test.each([
    ["is not there", undefined],
    ["is empty", "\n"],
    ["holds two lines", "a\nb"],
  ])("that %s fails the start without showing its content", async (_name, content) => {
    const file = join(folder, "bad");
    rmSync(file, { force: true });
    if (content !== undefined) writeFileSync(file, content);
    await expect(start({ filename: file })).rejects.toThrow(
      /^bearertokenauth\/gateway: (cannot read )?token file .*bad/,
    );
  });
});

describe("configuration", () => {
  function problems(input: unknown): string[] {
    const result = bearerTokenAuthConfig.parse(input);
    return "problems" in result ? result.problems.map(({ path, message }) => `${path.join("::")}: ${message}`) : [];
  }

  test.each([[null], [{}], [{ token: null }]])("%j lacks a token", (input) => {
    expect(problems(input)).toEqual(["token: is missing: give token or filename"]);
  });

  test("names unknown keys, and never the token", () => {
    expect(problems({ token: "abc", file_name: "x" })).toEqual([
      'file_name: unknown key "file_name"; did you mean "filename"?',
    ]);
    const told = problems({ token: "s3cr3t\nx", scheme: "a b", header: "" });
    expect(told.length).toBeGreaterThan(0);
    expect(told.join()).not.toContain("s3cr3t");
  });

  test("does not show the token", () => {
    expect(JSON.stringify(bearerTokenAuthConfig.parse({ token: "s3cr3t" }))).not.toContain("s3cr3t");
  });
});
