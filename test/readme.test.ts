/**
 * What the documentation shows as YAML is a configuration that podflame takes: whole ones in README.md go through
 * `config validate`, and every block elsewhere is laid upon a minimal configuration and read.
 */
import { globSync, readFileSync, existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { loadConfiguration } from "#collector";
import { catalog } from "../src/cli/components.ts";
import { folderWith, podflame, ROOT } from "./cli/podflame.ts";

/** What the documentation takes for granted. */
const ENV = { KUBERNETES_NODE_NAME: "node-1" };
// Components ask the process's own environment.
Object.assign(process.env, ENV);

/** What a block may leave out. */
const REST = `
receivers: {otlp: {protocols: {grpc: }}}
exporters: {debug: }
service: {pipelines: {traces: {receivers: [otlp], exporters: [debug]}}}
`;

interface Block {
  /** `README.md:12` */
  readonly where: string;
  readonly text: string;
}

function blocksOf(file: string): Block[] {
  const markdown = readFileSync(join(ROOT, file), "utf8");
  return [...markdown.matchAll(/^```yaml\n(.*?)^```$/gms)].map((match) => ({
    where: `${file}:${markdown.slice(0, match.index).split("\n").length}`,
    text: match[1]!,
  }));
}

describe("README.md", () => {
  const blocks = existsSync(join(ROOT, "README.md")) ? blocksOf("README.md") : [];

  test("shows at least one configuration", () => {
    expect(blocks).not.toEqual([]);
  });

  test.each(blocks)("$where is valid as it stands", async ({ text }) => {
    const folder = await folderWith({ "config.yaml": text });
    const { code, stdout, stderr } = await podflame(["config", "validate", "config.yaml"], { cwd: folder, env: ENV });
    expect(stderr).toBe("");
    expect(stdout).toMatch(/^valid: /);
    expect(code).toBe(0);
  });
});

describe("the pages of components and guides", () => {
  const pages = globSync(["src/collector/components/*/README.md", "docs/**/*.md"], { cwd: ROOT }).sort();

  test("exist, one for each component", () => {
    const folders = globSync("src/collector/components/*/", { cwd: ROOT });
    expect(folders.filter((folder) => !pages.includes(join(folder, "README.md")))).toEqual([]);
  });

  test.each(pages.flatMap(blocksOf))("$where is valid", async ({ text }) => {
    const surroundings = { env: ENV, readFile: (path: string) => readFileSync(path, "utf8") };
    const { warnings } = await loadConfiguration({ configs: [`yaml:${REST}`, `yaml:${text}`] }, catalog, surroundings);
    expect(warnings.filter(({ message }) => !message.includes("defined but not named"))).toEqual([]);
  });
});
