import { spawnSync } from "node:child_process";
import { globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { GENERATED, generateProtobuf } from "./generate-protobuf.ts";

const missing = spawnSync("protoc", ["--version"]).error !== undefined;
const required = process.env["PODFLAME_REQUIRE"] === "all";

describe("generated protobuf code", () => {
  test.skipIf(missing && !required)(
    "is what the definitions give (needs protoc: apt install protobuf-compiler)",
    () => {
      const output = mkdtempSync(join(tmpdir(), "podflame-protobuf-"));
      try {
        generateProtobuf(output);
        const files = globSync("**/*_pb.*s", { cwd: output }).sort();
        expect(globSync("**/*_pb.*s", { cwd: GENERATED }).sort()).toEqual(files);
        for (const file of files) {
          expect(readFileSync(join(GENERATED, file), "utf8"), file).toBe(readFileSync(join(output, file), "utf8"));
        }
      } finally {
        rmSync(output, { recursive: true, force: true });
      }
    },
  );
});
