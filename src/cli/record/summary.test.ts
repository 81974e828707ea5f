import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { Recording } from "./recording.ts";
import { summaryLines, summaryOf, type RecordFacts } from "./summary.ts";

// 94 samples of three containers, 42 of them of node, as its README says.
const captured = readFileSync(new URL("../../../testdata/captures/ebpf-20hz-grpc.binpb", import.meta.url));
const facts: RecordFacts = {
  output: "x.html",
  bytes: 48_200,
  seconds: 2.0004,
  frequencyHz: 20,
  accounts: {
    samples: 188,
    idle: 7,
    denied: 0,
    lost: { ring_full: 2, missed: 0, malformed: 0, backlog: 0, refused: 0 },
  },
  command: undefined,
};

async function recordedTwice(): Promise<Recording> {
  const recording = new Recording();
  await recording.take(captured);
  await recording.take(captured);
  return recording;
}

describe("a recording", () => {
  test("joins what belongs to one resource, and counts samples by container", async () => {
    const model = await (await recordedTwice()).merged();
    expect(model.resources).toHaveLength(3);
    const summary = summaryOf(model, facts);
    expect(summary).toMatchObject({
      seconds: 2,
      samples: 188,
      host_samples: 0,
      containers: [{ samples: 84 }, { samples: 56 }, { samples: 48 }],
      lost: { ring_full: 2 },
    });
    expect(summary.containers[0]!.id).toMatch(/^dc133e4f802e[0-9a-f]{52}$/);
    // C and the native part of node have no names there.
    expect(summary.unnamed_frames).toBeGreaterThan(0.2);
    expect(summary.unnamed_frames).toBeLessThan(0.8);
  });

  test("keeps what it was given, also when the giver uses the bytes again", async () => {
    const recording = new Recording();
    const bytes = Uint8Array.from(captured);
    await recording.take(bytes);
    bytes.fill(0);
    expect((await recording.merged()).resources).toHaveLength(3);
  });

  test("of nothing is a summary of nothing", async () => {
    const summary = summaryOf(await new Recording().merged(), facts);
    expect(summary).toMatchObject({ samples: 0, containers: [], truncated: 0, unnamed_frames: 0 });
  });
});

describe("for people", () => {
  test("it is a few lines", async () => {
    const model = await (await recordedTwice()).merged();
    const lines = summaryLines({ ...summaryOf(model, facts), unnamed_frames: 0.417 });
    expect(lines).toEqual([
      "188 samples in 2.0 s at 20 Hz: 188 in 3 containers, 0 outside; 7 times a CPU was idle",
      "lost: 2 ring_full; stacks cut off: 0.0 %; frames without a name: 41.7 %",
      "x.html: 48.2 kB",
    ]);
  });

  test.each([
    [{ exit_code: 3, signal: null }, "the command ended with exit code 3"],
    [{ exit_code: null, signal: "SIGTERM" } as const, "the command ended by SIGTERM"],
  ])("it says how a command ended: %j", async (command, line) => {
    const summary = summaryOf(await new Recording().merged(), { ...facts, command });
    expect(summaryLines(summary)).toContain(line);
  });
});
