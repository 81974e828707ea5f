/**
 * Functions of real programs in containers are named, in shares that agree with the program's own account. One test for
 * each kind of program.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LocalProfiler } from "./harness/local-profiler.ts";
import { NodeOfPods } from "./harness/node-of-pods.ts";
import type { Container } from "./harness/pods.ts";
import { canRunContainers, canSample, COMPILERS } from "./harness/requirements.ts";
import { countOf, passesThrough, sharesOf, type Frame, type Sample } from "./harness/samples.ts";
import { accountOf, trueShares, type WorkloadName } from "./harness/workloads.ts";

const available = [canSample(), canRunContainers(), COMPILERS.c()].every(Boolean);
const hasGo = available && COMPILERS.go();
const hasRust = available && COMPILERS.rust();
const hasCpp = available && COMPILERS.cpp();

/** Seconds that all programs run, together. */
const LENGTH = "5";
const FREQUENCY_HZ = 499;
/** What a share may differ by for other reasons than chance: start and end of a program, which its account leaves out. */
const BIAS_POINTS = 5;
/** So many standard deviations of a share are left to chance: one time in 16,000 it's more. */
const DEVIATIONS = 4;

/** What each program is asked for. */
const PLANS = {
  burn: ["alpha=50", "beta=30", "gamma=20"],
  "burn-omit": ["alpha=40", "random=60"],
  "burn-stripped": ["alpha=100"],
  jit: ["hot=70", "warm=30"],
  "burn-cpp": ["matrix=60", "visitor=40"],
  "burn-rust": ["grid=60", "closure=40"],
  "burn-go": ["alpha=40", "beta=30", "sorting=30"],
  "burn-go-stripped": ["alpha=40", "beta=30", "sorting=30"],
} as const satisfies Partial<Record<WorkloadName, readonly string[]>>;
type Program = keyof typeof PLANS | "node" | "node with perf map";

/** What a program printed, and its samples. */
interface Run {
  readonly output: string;
  readonly samples: readonly Sample[];
}

describe.skipIf(!available)("names and shares of", () => {
  let node: NodeOfPods;
  const runs = new Map<Program, Run>();

  beforeAll(async () => {
    const compiled = (Object.keys(PLANS) as (keyof typeof PLANS)[]).filter(
      (name) =>
        (hasGo || !name.startsWith("burn-go")) && (hasRust || name !== "burn-rust") && (hasCpp || name !== "burn-cpp"),
    );
    node = await NodeOfPods.start(...compiled);
    // One request at the end: names are read in the meantime.
    await using profiler = new LocalProfiler({ frequencyHz: FREQUENCY_HZ, reporterIntervalMs: 60_000 });
    const script = [LENGTH, "alpha=50", "beta=30", "area=20"];
    const started: readonly (readonly [Program, Promise<Container>])[] = [
      ...compiled.map((name) => [name, node.run([`/bin/${name}`, LENGTH, ...PLANS[name]])] as const),
      ["node", node.runScript(script)],
      ["node with perf map", node.runScript(script, ["--perf-basic-prof-only-functions"])],
    ];
    const ended = await Promise.all(
      started.map(async ([name, starting]) => {
        const container = await starting;
        return { name, container, output: await container.ended() };
      }),
    );
    await profiler.stop();
    for (const { name, container, output } of ended) runs.set(name, { output, samples: profiler.of(container) });
  });
  afterAll(() => node[Symbol.asyncDispose]());

  /** Whether each function had the share of the samples that its program says; `names` maps ours to the program's. */
  const expectShares = (samples: readonly Sample[], output: string, names: Readonly<Record<string, string>>): void => {
    const truth = trueShares(accountOf(output));
    const shares = sharesOf(samples, Object.keys(names));
    for (const [name, own] of Object.entries(names)) {
      const p = truth[own]! / 100;
      // A turn of a function may have several samples, which are no more than one on a busy machine.
      const independent = countOf(samples) / 2;
      const tolerance = BIAS_POINTS + DEVIATIONS * 100 * Math.sqrt((p * (1 - p)) / independent);
      const told = `${name}: ${shares[name]} % sampled, ${truth[own]} % in truth`;
      expect(Math.abs(shares[name]! - truth[own]!), told).toBeLessThan(tolerance);
    }
  };

  /** Names of the stack that passes through a function, innermost first. */
  const stackThrough = (samples: readonly Sample[], name: string): readonly string[] =>
    samples.find((sample) => passesThrough(sample, name))?.frames.map((frame) => frame.name) ?? [];

  /** The function of that kind of name; fails with all names where there's none. */
  const nameIn = (samples: readonly Sample[], isIt: (name: string) => boolean): string => {
    const names = [...new Set(samples.flatMap(({ frames }) => frames.map(({ name }) => name)))];
    const name = names.find(isIt);
    expect(name, names.join("\n")).toBeDefined();
    return name!;
  };

  const frameOf = (samples: readonly Sample[], name: string): Frame | undefined =>
    samples.flatMap(({ frames }) => frames).find((frame) => frame.name === name);

  test("C with frame pointers, with all its callers", () => {
    const { samples, output } = runs.get("burn")!;
    expectShares(samples, output, { alpha: "alpha", beta: "beta", gamma_loop: "gamma" });
    expect(stackThrough(samples, "beta").join(" ")).toMatch(
      /\bbeta beta_inner beta_middle beta_outer take_turns main\b/,
    );
    expect(stackThrough(samples, "gamma_loop").filter((name) => name === "descend")).toHaveLength(41);
    expect(frameOf(samples, "alpha")).toMatchObject({ type: "native", mapping: "burn" });
  });

  test("C without frame pointers and the kernel on its behalf: the function that runs", () => {
    const { samples, output } = runs.get("burn-omit")!;
    expectShares(samples, output, { alpha: "alpha", random_bytes: "random" });
    const inKernel = samples.filter((sample) => passesThrough(sample, "random_bytes"));
    const leaves = inKernel.map(({ frames }) => frames[0]!).filter(({ type }) => type === "kernel");
    expect(leaves.length / inKernel.length).toBeGreaterThan(0.5);
    expect(leaves.map(({ name }) => name).join(" ")).toMatch(/chacha/);
  });

  test("C without symbols: none, but what a later symboliser needs", () => {
    const { samples } = runs.get("burn-stripped")!;
    const own = samples.flatMap(({ frames }) => frames).find(({ mapping }) => mapping === "burn-stripped");
    expect(own?.name).toBe("");
    expect(own?.address).toBeGreaterThan(0n);
    expect(own?.mappingAttributes["process.executable.build_id.gnu"]).toMatch(/^[0-9a-f]{40}$/);
  });

  test.skipIf(!hasCpp)("C++, demangled", () => {
    const { samples, output } = runs.get("burn-cpp")!;
    const multiply = nameIn(samples, (name) => name.startsWith("work::Matrix<4>::multiply"));
    const visit = nameIn(samples, (name) => name === "work::(anonymous namespace)::Spender::visit");
    expectShares(samples, output, { [multiply]: "matrix", [visit]: "visitor" });
  });

  test.skipIf(!hasRust)("Rust, demangled", () => {
    const { samples, output } = runs.get("burn-rust")!;
    const relax = nameIn(samples, (name) => name.endsWith("grid::Grid<u32>>::relax"));
    const closure = nameIn(samples, (name) => /^burn(?:_rust)?::in_closure$/.test(name));
    expectShares(samples, output, { [relax]: "grid", [closure]: "closure" });
  });

  for (const program of ["burn-go", "burn-go-stripped"] as const) {
    test.skipIf(!hasGo)(`Go, with files, lines and inlined functions (${program})`, () => {
      const { samples, output } = runs.get(program)!;
      expectShares(samples, output, { "main.alpha": "alpha", "main.beta": "beta", "main.sorting": "sorting" });
      const paths = samples.map(({ frames }) => frames.map(({ name }) => name).join(" "));
      expect(paths.some((path) => /main\.compute main\.spend main\.beta main\.main runtime\.main/.test(path))).toBe(
        true,
      );
      expect(frameOf(samples, "main.alpha")).toMatchObject({
        type: "go",
        file: expect.stringMatching(/\/burn\.go$/) as string,
        line: expect.toSatisfy((line: number) => line > 0) as number,
      });
      expect(samples.some(({ frames }) => frames.some(({ name }) => name.startsWith("slices.")))).toBe(true);
    });
  }

  test("JavaScript on an unmodified Node, with files and lines", () => {
    const { samples, output } = runs.get("node")!;
    expectShares(samples, output, { alpha: "alpha", beta: "beta", area: "area" });
    expect(frameOf(samples, "alpha")).toMatchObject({
      type: "v8js",
      file: expect.stringMatching(/burn\.mjs$/) as string,
      line: expect.toSatisfy((line: number) => line > 0) as number,
    });
    expect(stackThrough(samples, "beta")).toContain("takeTurns");
  });

  test("a program that became another: each sample by the program that it hit", async () => {
    await using profiler = new LocalProfiler({ frequencyHz: FREQUENCY_HZ, reporterIntervalMs: 60_000 });
    // Both are linked to the same addresses; the second one ends at once, for it's told too little.
    const env = { BURN_THEN: "/bin/jit" };
    const container = await node.run(["/bin/burn", "0.3cpu", "alpha=100"], { env });
    await container.ended();
    await profiler.stop();
    const first = profiler.of(container).filter(({ attributes }) => attributes["thread.name"] === "burn");
    const named = first.filter(({ frames }) => frames.some(({ type, name }) => type === "native" && name !== ""));
    const foreign = named.filter((sample) => !passesThrough(sample, "main") || passesThrough(sample, "make_map"));
    expect(countOf(first)).toBeGreaterThan(20);
    expect(countOf(foreign) / countOf(first)).toBeLessThan(0.1);
  });

  test("JavaScript, as well when its process was known for some requests", async () => {
    const container = await node.runScript(["1000000", "alpha=100"]);
    await using profiler = new LocalProfiler();
    const hits = (): number => countOf(profiler.of(container));
    for (let request = 0; request < 6; request++) {
      const before = hits();
      await profiler.until(() => hits() > before + 10);
    }
    const [known, knownHits] = [profiler.of(container).length, hits()];
    await profiler.until(() => hits() > knownHits + 50);
    await profiler.stop();
    expect(sharesOf(profiler.of(container).slice(known), ["alpha"])["alpha"]).toBeGreaterThan(80);
    await container.remove();
  });

  test("JavaScript on a Node that writes a perf map", () => {
    const { samples, output } = runs.get("node with perf map")!;
    expectShares(samples, output, { alpha: "alpha", beta: "beta" });
  });

  test("a runtime that writes a perf map, in its own namespaces of processes and mounts", () => {
    const { samples, output } = runs.get("jit")!;
    expectShares(samples, output, { compiled_hot: "hot", compiled_warm: "warm" });
    const hot = samples.filter((sample) => passesThrough(sample, "compiled_hot"));
    const stacks = hot.map(({ frames }) => frames.map(({ name }) => name).join(" "));
    // Names of generated code are asked for at once, while the program's own may not have been read yet.
    const whole = stacks.filter((stack) => /\bcompiled_hot hot take_turns main\b/.test(stack));
    expect(whole.length / stacks.length).toBeGreaterThan(0.5);
  });
});
