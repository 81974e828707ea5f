import { readFileSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { freePorts } from "../free-ports.ts";
import { answerOf, folderWith, pageOf, Podflame, podflame, ROOT } from "./podflame.ts";

const CAPTURE = join(ROOT, "testdata/captures/ebpf-20hz-grpc.binpb");

describe("podflame view", () => {
  test("serves the files that it was given, bytes as they are, and nothing else", async () => {
    const cwd = await folderWith({ "stacks.folded": "a;b 3\n" });
    const process = new Podflame(["view", CAPTURE, "stacks.folded", "--no-open"], { cwd });
    const page = await pageOf(process);
    expect(await answerOf(page, "status")).toMatchObject({
      mode: { kind: "files" },
      files: [
        { name: "ebpf-20hz-grpc.binpb", bytes: statSync(CAPTURE).size },
        { name: "stacks.folded", bytes: 6 },
      ],
    });
    const first = await fetch(new URL("api/v1/files/0", page));
    expect(Buffer.from(await first.arrayBuffer()).equals(readFileSync(CAPTURE))).toBe(true);
    expect(await (await fetch(new URL("api/v1/files/1", page))).text()).toBe("a;b 3\n");
    expect((await fetch(new URL("api/v1/files/2", page))).status).toBe(404);
    expect((await fetch(new URL("api/v1/files/..%2f..%2fetc%2fpasswd", page))).status).toBe(404);
    process.kill("SIGINT");
    const { code, stdout, stderr } = await process.ended;
    expect([code, stdout, stderr]).toEqual([0, "", expect.stringMatching(/^podflame: Open http.*\n$/)]);
  });

  test("listens where it is told to, and says when somebody else does", async () => {
    const [port] = await freePorts(1);
    const holder = createServer().listen(port, "127.0.0.1");
    onTestFinished(() => void holder.close());
    const { code, stderr } = await podflame(["view", CAPTURE, "--no-open", "--listen", `127.0.0.1:${port}`]);
    expect([code, stderr]).toEqual([1, expect.stringContaining(`127.0.0.1:${port} is taken by another process`)]);
  });

  test.each([
    ["no file", ["view"], "missing required argument 'files'"],
    ["a file that isn't there", ["view", "nothing.pb"], "nothing.pb: there is no such file"],
    ["a folder", ["view", "."], ".: is no file"],
  ])("refuses %s with 1", async (_, args, message) => {
    const { code, stderr } = await podflame(args, { cwd: await folderWith({}) });
    expect([code, stderr]).toEqual([1, expect.stringContaining(message)]);
  });
});
