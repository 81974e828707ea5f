import { describe, expect, test } from "vitest";
import { buildTree } from "./build-tree.ts";
import { FrameColours, changeOf, legendOf } from "./frame-colours.ts";
import { FRAME_KINDS, frameKind } from "./frame-kind.ts";
import type { FrameTable } from "./frame-table.ts";
import { channels, diffFill, kindFill, paletteOf, ROOT_FILL } from "./palette.ts";
import { packageOf } from "./package-name.ts";
import { COUNTS, namedFrames, tableOf } from "./testing/random-stacks.ts";

/** WCAG 2.2, "relative luminance" and "contrast ratio". */
function contrast(a: string, b: string): number {
  const luminance = (colour: string): number => {
    const [red, green, blue] = channels(colour).map((value) => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!;
  };
  const [dark, light] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (light! + 0.05) / (dark! + 0.05);
}

describe.each(["light", "dark"] as const)("the %s palette", (theme) => {
  const palette = paletteOf(theme);

  test("has a contrast of at least 4.5 wherever text stands on a colour", () => {
    for (const [at, fill] of palette.fills.entries()) {
      const text = at < palette.dimmed ? palette.text : palette.dimmedText;
      expect([at, fill, contrast(fill, text) >= 4.5]).toEqual([at, fill, true]);
    }
    expect(contrast(palette.match, palette.matchText)).toBeGreaterThanOrEqual(4.5);
    expect(contrast(palette.background, palette.text)).toBeGreaterThanOrEqual(4.5);
  });

  test("outlines can be told from what they are around", () => {
    expect(contrast(palette.selection, palette.background)).toBeGreaterThanOrEqual(3);
    expect(contrast(palette.outline, palette.background)).toBeGreaterThanOrEqual(3);
  });

  test("gives kinds that are code colours of their own", () => {
    const colours = new Set(FRAME_KINDS.map((kind) => palette.fills[kindFill(kind, 1)]));
    // Processes and groups are the same grey.
    expect(colours.size).toBe(FRAME_KINDS.length - 1);
  });

  test("of a diff is blue for less, orange for more, and neutral between", () => {
    const [gone, same, added] = [-1, 0, 1].map((change) => channels(palette.fills[diffFill(change)]!));
    expect(gone![2]).toBeGreaterThan(gone![0]!);
    expect(added![0]).toBeGreaterThan(added![2]!);
    expect(Math.max(...same!) - Math.min(...same!)).toBeLessThanOrEqual(1);
  });
});

describe("what a frame is", () => {
  const frame = (name: string, rest: Partial<ReturnType<FrameTable["text"]>> = {}): ReturnType<FrameTable["text"]> => ({
    name,
    file: "",
    line: 0,
    type: "",
    mapping: "",
    ...rest,
  });

  test.each([
    ["kernel", frame("do_syscall_64", { type: "kernel" })],
    ["kernel", frame("0xffffffff81000000", { type: "kernel" })],
    ["kernel", frame("schedule", { mapping: "[kernel.kallsyms]" })],
    ["javascript", frame("onRequest", { type: "v8js" })],
    ["javascript", frame("onRequest", { file: "/srv/app/server.mjs" })],
    ["go", frame("net/http.(*conn).serve")],
    ["go", frame("github.com/grafana/pyroscope/pkg/x.Run")],
    ["jvm", frame("org.apache.kafka.clients.NetworkClient.poll")],
    ["rust", frame("<alloc::vec::Vec<T> as core::ops::Drop>::drop")],
    ["native", frame("std::vector<int>::push_back(int&&)")],
    ["python", frame("handle", { file: "/app/main.py" })],
    ["unnamed", frame("libc.so.6+0x2a4f0", { type: "native" })],
    ["unnamed", frame("[unknown]")],
    ["unnamed", frame("")],
    ["truncated", frame("stack too deep", { type: "truncated" })],
    ["process", frame("nginx", { type: "process" })],
    ["other", frame("main")],
  ] as const)("is told by its type, else its file, else its name: %s", (kind, text) => {
    expect(frameKind(text)).toBe(kind);
  });

  test.each([
    ["github.com/grafana/pyroscope/pkg/x", frame("github.com/grafana/pyroscope/pkg/x.(*T).Run")],
    ["org.apache.kafka", frame("org.apache.kafka.clients.NetworkClient.poll")],
    ["@scope/pkg", frame("f", { file: "/srv/node_modules/a/node_modules/@scope/pkg/lib/x.js" })],
    ["requests", frame("get", { file: "/usr/lib/python3/dist-packages/requests/api.py" })],
    ["libc.so.6", frame("malloc", { mapping: "/usr/lib/libc.so.6", type: "native" })],
    ["kernel", frame("schedule", { type: "kernel" })],
    ["nf_tables", frame("nft_do_chain", { type: "kernel", mapping: "[nf_tables.ko]" })],
  ])("belongs to a package: %s", (name, text) => {
    expect(packageOf(text)).toBe(name);
  });
});

describe("colours of a tree", () => {
  const diff = buildTree(
    tableOf(
      [
        { frames: [0, 1], value: 10, other: 0 },
        { frames: [0, 2], value: 0, other: 20 },
        { frames: [0, 3], value: 5, other: 5 },
      ],
      true,
    ),
    namedFrames(),
    COUNTS,
  );

  test("of a diff go from gone to new, which are hatched as well", () => {
    const colours = new FrameColours(diff, "diff");
    const nodes = [1, 2, 3, 4].map((node) => ({
      name: diff.name(node),
      change: Math.round(changeOf(diff, node) * 100) / 100,
      hatched: colours.hatched(node),
    }));
    expect(nodes).toEqual([
      { name: "main", change: 0.4, hatched: false },
      { name: "parse", change: 1, hatched: true },
      { name: "alloc", change: -1, hatched: true },
      { name: "walk", change: 0, hatched: false },
    ]);
    expect(colours.fill(0)).toBe(ROOT_FILL);
    expect(colours.fill(2)).toBe(diffFill(1));
  });

  test("have a legend with the share of each", () => {
    const tree = buildTree(
      tableOf([
        { frames: [0, 1], value: 30, other: 0 },
        { frames: [0, 5], value: 10, other: 0 },
      ]),
      namedFrames(),
      COUNTS,
    );
    expect(legendOf(tree, "kind").map(({ name, share }) => [name, share])).toEqual([
      ["other", 0.75],
      ["unnamed", 0.25],
    ]);
  });
});
