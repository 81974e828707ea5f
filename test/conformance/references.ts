import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "../..");

/** A test that holds something: `path › beginning of its name`. */
export interface TestReference {
  readonly path: string;
  readonly name: string;
}

export function parseReference(text: string): TestReference {
  const [path = "", name = ""] = text.split(" › ", 2);
  return { path, name };
}

/** What is wrong with a reference; undefined where the test is there. */
export function referenceProblem(text: string): string | undefined {
  const { path, name } = parseReference(text);
  const file = join(ROOT, path);
  if (!existsSync(file)) return `${path} isn't there`;
  if (name === "") return `${text} names no test`;
  const content = readFileSync(file, "utf8");
  const isThere = path.endsWith(".yaml")
    ? new RegExp(`^ *- row: ${name}$`, "m").test(content)
    : content.includes(`"${name}`) || content.includes(`\`${name}`);
  return isThere ? undefined : `${path} has no test called ${JSON.stringify(name)}`;
}
