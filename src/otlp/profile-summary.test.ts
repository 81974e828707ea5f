import { describe, expect, test } from "vitest";
import { ParseError } from "#wire";
import { summarizeProfiles, type ProfileSummary } from "./profile-summary.ts";
import { recorded } from "./testing/recorded.ts";

function summaries(pattern: string, top?: number): readonly ProfileSummary[] {
  const result = summarizeProfiles(recorded(pattern)[0]!.bytes, top);
  if (result instanceof ParseError) throw new Error(result.message);
  return result;
}

describe("summarizeProfiles", () => {
  test.each(["captures/ebpf-20hz-grpc.binpb", "captures/ebpf-20hz-grpc-v0.164.binpb"])(
    "finds in %s what its README tells of the three programs",
    (file) => {
      const [node, go, c] = summaries(file, 100) as [ProfileSummary, ProfileSummary, ProfileSummary];
      expect([node.total, go.total, c.total]).toEqual([42n, 24n, 28n]);
      expect(node).toMatchObject({
        type: "samples",
        unit: "count",
        periodType: "cpu",
        periodUnit: "nanoseconds",
        period: 50_000_000n,
      });
      const frames = (profile: ProfileSummary): string[] => profile.topStacks.flatMap((stack) => stack.frames);
      expect(frames(go)).toEqual(
        expect.arrayContaining(["main.goHash", "main.goOuter", "main.main", "runtime.goexit"]),
      );
      expect(frames(node)).toEqual(expect.arrayContaining(["nodeHot", "nodeMiddle", "nodeOuter", "Module._compile"]));
      expect(frames(c)).toEqual(expect.arrayContaining(["c-burn+0x11e4", "c-burn+0x129b"]));
    },
  );

  test("shows the largest stacks first, as many as asked for, and their totals", () => {
    const all = summaries("captures/ebpf-20hz-grpc.binpb", 1000);
    for (const profile of all) {
      const totals = profile.topStacks.map(({ total }) => total);
      expect(totals).toEqual(totals.toSorted((a, b) => Number(b - a)));
      expect(totals.reduce((sum, total) => sum + total, 0n)).toBe(profile.total);
      expect(totals.length).toBe(profile.stacks);
    }
    expect(summaries("captures/ebpf-20hz-grpc.binpb", 2)[0]!.topStacks).toEqual(all[0]!.topStacks.slice(0, 2));
  });

  test("shows a question mark where an index points nowhere", () => {
    // A dictionary whose stack 0 has location 7, and a profile with a sample of value 5 on it.
    const request = Uint8Array.of(0x12, 5, 0x3a, 3, 0x0a, 1, 7, 0x0a, 9, 0x12, 7, 0x12, 5, 0x12, 3, 0x22, 1, 5);
    expect(summarizeProfiles(request)).toMatchObject([{ total: 5n, topStacks: [{ frames: ["?"], total: 5n }] }]);
  });

  test("says of another layout that it can't be read, rather than showing nonsense", () => {
    expect(summarizeProfiles(recorded("otlp-profiles/d7/l1.collector.pb")[0]!.bytes)).toBeInstanceOf(ParseError);
  });
});
