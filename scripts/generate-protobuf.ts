/**
 * Generates test/generated/ from test/protos/ with protoc and protoc-gen-es:
 *
 *     node scripts/generate-protobuf.ts [OUTPUT FOLDER]
 */
import { execFileSync } from "node:child_process";
import { globSync, mkdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..");
const PROTOS = join(ROOT, "test/protos");

/** Where the committed code lives. */
export const GENERATED = join(ROOT, "test/generated");

/** Writes the code for every definition into `output`, which is emptied first. Throws what protoc says. */
export function generateProtobuf(output: string): void {
  rmSync(output, { recursive: true, force: true });
  mkdirSync(output, { recursive: true });
  const files = globSync("**/*.proto", { cwd: PROTOS }).sort();
  execFileSync(
    "protoc",
    [
      `--plugin=protoc-gen-es=${join(ROOT, "node_modules/.bin/protoc-gen-es")}`,
      `--es_out=${output}`,
      // Not target=ts: its enums are more than types, which Node cannot strip.
      "--es_opt=target=js+dts,import_extension=js",
      `--proto_path=${PROTOS}`,
      ...files,
    ],
    // The plugin is a Node script: run it by the Node that runs this one.
    {
      stdio: ["ignore", "inherit", "pipe"],
      env: { ...process.env, PATH: `${dirname(process.execPath)}:${process.env["PATH"]}` },
    },
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) generateProtobuf(process.argv[2] ?? GENERATED);
