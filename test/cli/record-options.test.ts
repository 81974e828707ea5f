import { describe, expect, test } from "vitest";
import { folderWith, podflame } from "./podflame.ts";

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
