import { spawn } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { folderWith, podflame, ROOT, type Ended } from "./podflame.ts";
import { content, type Description, vector, VECTORS } from "./vectors.ts";

const small = vector("d10/l4-index-zero.collector.pb");
const large = vector("d7/l1.collector.pb");
const json = Buffer.from(JSON.stringify(JSON.parse(vector("d8/l1.collector.json").toString())));

function linesOf(stdout: string): Description[] {
  return stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Description);
}

/** Writes the bytes to a file and inspects it. */
async function inspect(bytes: Uint8Array, ...flags: string[]): Promise<Ended> {
  const folder = await folderWith({});
  await writeFile(join(folder, "file"), bytes);
  return podflame(["inspect", "file", ...flags], { cwd: folder });
}

/** The same through standard input. */
function inspectPiped(bytes: Uint8Array, ...flags: string[]): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(join(ROOT, "bin/podflame"), ["inspect", "-", ...flags]);
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout, stderr }));
    child.stdin.end(bytes);
  });
}

async function summaries(bytes: Uint8Array): Promise<[number | null, (readonly [string, number])[], string]> {
  const { code, stdout, stderr } = await inspect(bytes, "--json");
  return [code, linesOf(stdout).map(({ layout, summary }) => [layout, summary.samples]), stderr];
}

describe("podflame inspect --json of all vectors at once", () => {
  const readable = VECTORS.filter(({ expected }) => expected.verdict !== "unresolvable");
  let running: Promise<Description[]> | undefined;
  const described = (): Promise<Description[]> => {
    running ??= podflame(["inspect", "--json", ...readable.map(({ file }) => file)]).then(
      ({ code, stdout, stderr }) => {
        expect(stderr).toBe("");
        expect(code).toBe(0);
        return linesOf(stdout);
      },
    );
    return running;
  };

  test.each(readable.map((vectorRead, index) => [vectorRead.file, vectorRead, index] as const))(
    "%s is described as what it holds",
    async (_file, { expected, file }, index) => {
      const description = (await described())[index]!;
      expect(content(description)).toEqual(content(expected));
      // Names of JSON keys are the same in 1.9 and later.
      if (!expected.layouts.includes("any") && !file.endsWith(".json")) {
        expect(expected.layouts).toContain(description.layout);
      }
    },
  );

  test("gives the same bytes each time", async () => {
    const file = "testdata/otlp-profiles/d10/l1.collector.pb";
    const [first, second] = [await podflame(["inspect", "--json", file]), await podflame(["inspect", "--json", file])];
    expect(first.stdout).toBe(second.stdout);
  });
});

describe("podflame inspect reads", () => {
  const frame = (one: Buffer): Buffer => {
    const head = Buffer.alloc(5);
    head.writeUInt32BE(one.length, 1);
    return Buffer.concat([head, one]);
  };

  test.each([
    ["gzip", gzipSync(large)],
    ["zstd", zstdCompressSync(large)],
    ["a gRPC frame", frame(large)],
    [
      "OTLP/JSON for people",
      Buffer.from(JSON.stringify(JSON.parse(vector("d7/l1.collector.json").toString()), null, 2)),
    ],
  ])("%s", async (_name, bytes) => {
    expect(await summaries(bytes)).toEqual([0, [["D7", 60]], ""]);
  });

  test("many gRPC frames, and lines of OTLP/JSON", async () => {
    expect(await summaries(Buffer.concat([frame(large), frame(small), frame(large)]))).toEqual([
      0,
      [
        ["D7", 60],
        ["D10", 5],
        ["D7", 60],
      ],
      "",
    ]);
    const lines = Buffer.concat([json, Buffer.from("\n"), json, Buffer.from("\n")]);
    expect((await summaries(lines))[1].map(([, samples]) => samples)).toEqual([60, 60]);
  });

  test("standard input", async () => {
    const { code, stdout } = await inspectPiped(gzipSync(large), "--json");
    expect(linesOf(stdout)[0]!.summary.samples).toBe(60);
    expect(code).toBe(0);
  });

  test("a captured HTTP request, whose headers break ties", async () => {
    const empty = Buffer.from("POST /v1experimental/profiles HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
    const { stdout } = await inspect(empty);
    expect(stdout).toMatch(/layout 1\.3 \(E\), assumed/);
  });

  test("protobuf as the layout that it was told", async () => {
    const { stdout } = await inspect(vector("d9/l1.collector.pb"), "--layout", "1.9");
    expect(stdout).toContain("layout 1.9 (D9), certain\n  because: --layout says so");
    const { code, stderr } = await inspect(large, "--layout", "1.12");
    expect(stderr).toContain("expected one of 1.3, 1.4, 1.5");
    expect(code).toBe(1);
  });
});

describe("podflame inspect tells people", () => {
  test("what is in a file", async () => {
    const { code, stdout, stderr } = await inspect(gzipSync(large));
    expect(stdout).toMatchInlineSnapshot(`
      "file: 1 request, 4.5 kB (gzip)
      OTLP/protobuf, layout 1.7 (D7), certain
        because: attributes with literal keys (1.7)
        because: a dictionary
        because: profiles of 1.7
      2 resources, 2 scopes, 2 profiles, 60 samples, 117 timestamps, 12 stacks

      service checkout, host node-a, container.id 879e91d11b38fb6cffd5f5d16d543de0cfb38f7419706034c8f1ce379fb5c746
        example.profiler 1.2.3  samples/count  every 50 ms of cpu  1 profile  30 samples  56 timestamps  2025-10-09 08:53:20.000Z + 5 s
      service payments, host node-a, container.id 60ec2402fcc1da7711d6cdd1c64f4938333682e13e5752eabbc16ede5acc8604
        example.profiler 1.2.3  samples/count  every 50 ms of cpu  1 profile  30 samples  61 timestamps  2025-10-09 08:53:20.000Z + 5 s

      Top functions by samples/count, 117 in all
        self           total           function
          29   24.8 %    117  100.0 %  [libc.so.6] (no symbol)
          20   17.1 %     20   17.1 %  std::vector<int>::push_back(int&&)
          18   15.4 %     18   15.4 %  Cart.total
          18   15.4 %     18   15.4 %  vfs_read
          17   14.5 %     17   14.5 %  processTicksAndRejections
          15   12.8 %     33   28.2 %  do_syscall_64
           0    0.0 %     61   52.1 %  [payments] (no symbol)
           0    0.0 %     56   47.9 %  [checkout] (no symbol)
           0    0.0 %     33   28.2 %  <module>
           0    0.0 %     33   28.2 %  entry_SYSCALL_64_after_hwframe
           0    0.0 %     33   28.2 %  handle_request
           0    0.0 %     20   17.1 %  merge_sort(std::vector<int>&)
           0    0.0 %     18   15.4 %  ksys_read

      Tables
                    entries  unused  duplicate  bytes
        strings          32       0          0    547
        attributes       21       0          0    812
        functions        10       0          0     71
        mappings          4       0          0     94
        locations        23       0          0    367
        stacks           12       0          0     70
        links             3       0          0     90
        samples          60                     2,011
        resources                                 320
        rest                                      141
      "
    `);
    expect(stderr).toBe("");
    expect(code).toBe(0);
  });

  test("what is odd about it", async () => {
    const { stdout } = await podflame(["inspect", "testdata/otlp-profiles/d10/l4-table-noise.collector.pb"]);
    expect(stdout).toMatchInlineSnapshot(`
      "testdata/otlp-profiles/d10/l4-table-noise.collector.pb: 1 request, 2.9 kB
      OTLP/protobuf, layout 1.10, 1.11 (D10), certain
        because: a table of stacks (1.8 or later)
        because: a dictionary
        because: field 7 is a profile id
        because: references to strings in a resource (1.10)
      2 resources, 2 scopes, 2 profiles, 19 samples, 68 timestamps, 6 stacks

      service checkout, host node-a, container.id 879e91d11b38fb6cffd5f5d16d543de0cfb38f7419706034c8f1ce379fb5c746
        example.profiler 1.2.3  samples/count  every 50 ms of cpu  1 profile  17 samples  60 timestamps  2025-10-09 08:53:20.000Z + 5 s
      service payments, host node-a, container.id 60ec2402fcc1da7711d6cdd1c64f4938333682e13e5752eabbc16ede5acc8604
        example.profiler 1.2.3  samples/count  every 50 ms of cpu  1 profile  2 samples  8 timestamps  2025-10-09 08:53:20.000Z + 5 s

      Top functions by samples/count, 68 in all
        self           total           function
          15   22.1 %     68  100.0 %  [libc.so.6] (no symbol)
          15   22.1 %     15   22.1 %  vfs_read
          11   16.2 %     26   38.2 %  do_syscall_64
          10   14.7 %     10   14.7 %  Cart.total
           9   13.2 %      9   13.2 %  std::vector<int>::push_back(int&&)
           8   11.8 %      8   11.8 %  processTicksAndRejections
           0    0.0 %     68  100.0 %  [checkout] (no symbol)
           0    0.0 %     26   38.2 %  entry_SYSCALL_64_after_hwframe
           0    0.0 %     21   30.9 %  <module>
           0    0.0 %     21   30.9 %  handle_request
           0    0.0 %     15   22.1 %  ksys_read
           0    0.0 %      9   13.2 %  merge_sort(std::vector<int>&)

      Tables
                    entries  unused  duplicate  bytes
        strings          44       5          0    920
        attributes       26       1         10    446
        functions        11       1          0     79
        mappings          4       1          0     87
        locations        19       1          0    311
        stacks            6       0          0     59
        links             1       1          0     36
        samples          19                       753
        resources                                  98
        rest                                      129
      "
    `);
  });

  test("nothing that steers a terminal", async () => {
    const { stdout } = await inspect(
      Buffer.from(large).fill("\u001b[2J", large.indexOf("checkout"), large.indexOf("checkout") + 4),
    );
    expect(stdout).toContain("\u{fffd}[2J");
    // eslint-disable-next-line no-control-regex
    expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
  });
});

describe("podflame inspect complains", () => {
  test("of garbage, and shows the other files", async () => {
    const folder = await folderWith({ garbage: "\u0001\u0002\u0003\u0004 garbage" });
    await writeFile(join(folder, "good"), large);
    const { code, stdout, stderr } = await podflame(["inspect", "garbage", "good", "none"], { cwd: folder });
    expect(stderr).toMatchInlineSnapshot(`
      "podflame: garbage: is nothing that podflame knows (as OTLP: field number 0 (byte 0)); it reads OTLP profiles, pprof, folded stacks, speedscope, perf script
      podflame: none: there is no such file
      "
    `);
    expect(stdout).toMatch(/^good: 1 request/m);
    expect(code).toBe(1);
  });

  test("of what the file was cut off in, and shows what came before", async () => {
    const head = Buffer.alloc(4);
    head.writeUInt32BE(large.length);
    const { code, stdout, stderr } = await inspect(Buffer.concat([head, large, head, large.subarray(0, 100)]));
    expect(stdout).toMatch(/^file: 1 request, .* \(4-byte lengths\), 1 more could not be read/);
    expect(stderr).toBe(
      `podflame: file: request 2 at byte ${large.length + 4}: should have ${large.length} bytes, but the file ends after 100: it was cut off\n`,
    );
    expect(code).toBe(1);
  });

  test("of a request without its tables, also in JSON", async () => {
    const file = "testdata/otlp-profiles/d6/l1-export-request.protobuf-go.pb";
    const { code, stdout, stderr } = await podflame(["inspect", "--json", file]);
    expect(stderr).toContain("profiles without dictionary (1.6 export request?)");
    expect(linesOf(stdout)).toEqual([expect.objectContaining({ verdict: "unresolvable" })]);
    expect(code).toBe(1);
  });

  test("of other signals and other JSON", async () => {
    expect((await inspect(Buffer.from('{"resourceSpans":[]}'))).stderr).toContain("a request of another signal");
    expect((await inspect(Buffer.from('{"name":"podflame"}'))).stderr).toContain("JSON without resourceProfiles");
    expect((await inspect(Buffer.from("POST /v1/traces HTTP/1.1\r\nContent-Length: 0\r\n\r\n"))).stderr).toContain(
      "holds OTLP traces, not profiles",
    );
  });

  test("of what inflates without end", async () => {
    const { code, stderr } = await inspect(gzipSync(Buffer.alloc(300 << 20), { level: 1 }));
    expect(stderr).toBe("podflame: file: the document is larger than 256 MiB; split it\n");
    expect(code).toBe(1);
  });

  test("when no file is named", async () => {
    const { code, stderr } = await podflame(["inspect"]);
    expect(stderr).toContain("missing required argument 'files'");
    expect(code).toBe(1);
  });
});

test.each(["inspect", "convert"])("podflame %s --help has examples and exit codes", async (command) => {
  const { code, stdout, stderr } = await podflame([command, "--help"]);
  expect(stdout).toContain("Examples:\n  podflame ");
  expect(stdout).toMatch(/Exit codes: 0 /);
  expect([code, stderr]).toEqual([0, ""]);
});

test("every truncation of a vector is told or shown, never a bug", async () => {
  const whole = vector("d8/l1.protobuf-go.pb");
  const frames = [];
  for (let length = 1; length < whole.length; length += 37) {
    const head = Buffer.alloc(4);
    head.writeUInt32BE(length);
    frames.push(head, whole.subarray(0, length));
  }
  const { code, stdout, stderr } = await inspect(Buffer.concat(frames));
  expect(stderr).not.toContain("bug");
  expect(stdout === "" || stdout.startsWith("file: ")).toBe(true);
  expect(code).toBe(1);
});
