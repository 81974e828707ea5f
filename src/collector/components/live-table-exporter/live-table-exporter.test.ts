import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { lifecycleSuite } from "../../testing/lifecycle-suite.ts";
import { testContext, testPayload, type TestContext } from "../../testing/context.ts";
import { liveTableExporterFactory } from "./index.ts";
import { LiveTableExporter, type Screen } from "./live-table-exporter.ts";
import { type Owner, ownerOf } from "./owner.ts";
import { type Rate, Rates } from "./rates.ts";
import { renderTable } from "./render.ts";

lifecycleSuite(liveTableExporterFactory, [{ name: "with defaults", config: null }]);

const captured = new URL("../../../../testdata/captures/ebpf-20hz-grpc.binpb", import.meta.url);

class RecordedScreen implements Screen {
  readonly inPlace: boolean;
  readonly columns = undefined;
  readonly rows: number | undefined;
  readonly writes: string[] = [];

  constructor(inPlace: boolean, rows?: number) {
    this.inPlace = inPlace;
    this.rows = rows;
  }
  write(text: string): void {
    this.writes.push(text);
  }
}

async function drawing(
  inPlace: boolean,
  rows?: number,
): Promise<{ context: TestContext; screen: RecordedScreen; exporter: LiveTableExporter }> {
  const context = testContext("live_table");
  const screen = new RecordedScreen(inPlace, rows);
  const exporter = new LiveTableExporter(context, { intervalMs: 2000, maxRows: 20 }, screen);
  await exporter.start();
  return { context, screen, exporter };
}

describe("the exporter", () => {
  test("shows a recorded request by container, with the CPUs that it keeps busy and the function that is hottest", async () => {
    const { context, screen, exporter } = await drawing(false);
    await exporter.consume(testPayload("profiles", readFileSync(captured)));
    await context.clock.advance(2000);
    expect(screen.writes).toHaveLength(1);
    // 94 samples of 1/20 s each within 2 s.
    expect(screen.writes[0]!.trimEnd().split("\n")).toEqual([
      "CONTAINER     SERVICE  SAMPLES/S  CORES  HOTTEST",
      "dc133e4f802e  node          21.0   1.05  nodeHot",
      "3469834df5c1  c-burn        14.0   0.70  [c-burn]",
      "05ef3251ade1  go-burn       12.0   0.60  slices.partitionOrdered[go.shape.int]",
      "",
      "3 in all, 0 with a pod's name, 47.0 samples/s, 2.35 cores",
    ]);
  });

  test("counts a request in a layout that nobody knows without cores and functions", async () => {
    const { context, screen, exporter } = await drawing(false);
    // A resource with a profile whose only sample has no known field.
    await exporter.consume(testPayload("profiles", Uint8Array.of(0x0a, 6, 0x12, 4, 0x12, 2, 0x12, 0)));
    await context.clock.advance(2000);
    expect(screen.writes[0]!.split("\n")[0]).toBe("SERVICE  SAMPLES/S");
  });

  test("redraws in place on a terminal, over as many lines as it drew", async () => {
    const { context, screen, exporter } = await drawing(true);
    await exporter.consume(testPayload("profiles", readFileSync(captured)));
    await context.clock.advance(4000);
    expect(screen.writes[0]!.split("\n")).toHaveLength(7);
    expect(screen.writes[1]!.startsWith("\x1b[6A\x1b[0J")).toBe(true);
  });

  test("is never higher than the terminal, for what scrolled away cannot be drawn over", async () => {
    const { context, screen, exporter } = await drawing(true, 7);
    await exporter.consume(testPayload("profiles", readFileSync(captured)));
    await context.clock.advance(2000);
    expect(screen.writes[0]!.split("\n")).toEqual([
      expect.stringMatching(/^CONTAINER/),
      expect.stringMatching(/^dc133e4f802e/),
      expect.stringMatching(/^3469834df5c1/),
      expect.stringMatching(/^\(1 others\)/),
      "",
      expect.stringMatching(/^3 in all/),
      "",
    ]);
  });

  test("draws nothing into a file while there is nothing to show", async () => {
    const { context, screen } = await drawing(false);
    await context.clock.advance(10_000);
    expect(screen.writes).toEqual([]);
  });

  test("draws no more once it is shut down", async () => {
    const { context, screen, exporter } = await drawing(true);
    await exporter.shutdown();
    await context.clock.advance(10_000);
    expect(screen.writes).toEqual([]);
  });
});

describe("an owner", () => {
  const of = (attributes: Record<string, string>): Owner => ownerOf(new Map(Object.entries(attributes)));

  test("goes by names where they are known, by shortened ids until then", () => {
    const ids = { "container.id": "0123456789abcdef", "k8s.pod.uid": "6ffbc8f0-aaaa" };
    expect(of(ids)).toMatchObject({ pod: "(6ffbc8f0…)", container: "0123456789ab", named: false });
    expect(of({ ...ids, "k8s.pod.name": "cart-0", "k8s.container.name": "app" })).toMatchObject({
      pod: "cart-0",
      container: "app",
      named: true,
    });
  });

  test("outside of containers goes by its service or executable", () => {
    expect(of({ "process.executable.name": "postgres" }).service).toBe("postgres");
    expect(of({ "process.executable.name": "java", "service.name": "cart" }).service).toBe("cart");
  });
});

const owner = (pod: string): Owner => ({ namespace: "shop", pod, container: "app", service: "cart", named: true });

describe("rates", () => {
  test("are means over the last five intervals, and an owner without items in all of them is forgotten", () => {
    const rates = new Rates();
    rates.add(owner("a"), { items: 100, cpuNanos: 5e9 });
    const seen = Array.from({ length: 7 }, () => rates.endInterval(1000).map((rate) => [rate.perSecond, rate.cores]));
    expect(seen).toEqual([[[100, 5]], [[50, 2.5]], [[100 / 3, 5 / 3]], [[25, 1.25]], [[20, 1]], [], []]);
  });

  test("count owners beyond the bound together", () => {
    const rates = new Rates();
    for (let pod = 0; pod < 10_050; pod++) rates.add(owner(`pod-${pod}`), { items: 1, cpuNanos: 0 });
    const result = rates.endInterval(1000);
    expect(result).toHaveLength(10_001);
    expect(result[0]).toMatchObject({ owner: { service: "(beyond 10000 others)" }, perSecond: 50 });
  });

  test("tell the function that is hottest lately, not the one that once was", () => {
    const rates = new Rates();
    const ran = (name: string, weight: number): string => {
      rates.add(owner("a"), { items: weight, cpuNanos: 0, functions: new Map([[name, weight]]) });
      return rates.endInterval(1000)[0]!.hottest;
    };
    expect(["start", "serve", "serve", "serve"].map((name, at) => ran(name, at === 0 ? 80 : 20))).toEqual([
      "start",
      "start",
      "serve",
      "serve",
    ]);
  });

  test("tell the program of a container by what most of its samples are of", () => {
    const rates = new Rates();
    const programs = new Map([
      ["sh", 1],
      ["postgres", 9],
    ]);
    rates.add({ ...owner("a"), service: "" }, { items: 10, cpuNanos: 0, programs });
    const [rate] = rates.endInterval(1000);
    expect(rate!.program).toBe("postgres");
    const look = { maxRows: 5, columns: undefined, unit: "samples" } as const;
    expect(renderTable([rate!], look)[1]).toBe("shop       a    app        postgres       10.0");
  });

  test("weigh a bounded number of functions, with room for new ones as old ones cool down", () => {
    const rates = new Rates();
    const many = new Map(Array.from({ length: 1000 }, (_, at) => [`f${at}`, 1] as const));
    rates.add(owner("a"), { items: 1000, cpuNanos: 0, functions: many });
    for (let interval = 0; interval < 3; interval++) rates.endInterval(1000);
    rates.add(owner("a"), { items: 1, cpuNanos: 0, functions: new Map([["late", 1]]) });
    expect(rates.endInterval(1000)[0]!.hottest).toBe("late");
  });
});

describe("the table", () => {
  const rate = (pod: string, perSecond: number): Rate => ({
    owner: { ...owner(pod), service: "" },
    perSecond,
    cores: 0,
    hottest: "",
    program: "",
  });

  test("sums up what doesn't fit, and leaves out columns that would be empty", () => {
    const lines = renderTable([rate("a", 3), rate("b", 2), rate("c", 1), rate("d", 0.5)], {
      maxRows: 2,
      columns: undefined,
      unit: "items",
    });
    expect(lines).toEqual([
      "NAMESPACE   POD  CONTAINER  SERVICE  ITEMS/S",
      "shop        a    app        -            3.0",
      "shop        b    app        -            2.0",
      "(2 others)                               1.5",
      "",
      "4 in all, 4 with a pod's name, 6.5 items/s",
    ]);
  });

  test("makes the widest columns narrower until it fits a terminal, and keeps the numbers whole", () => {
    const wide = { ...rate("checkout-7d9f8b6c54-x2x7k", 19.8), cores: 0.99, hottest: "crypto/sha256.blockSHANI" };
    const lines = renderTable([wide], { maxRows: 5, columns: 80, unit: "samples" });
    expect(lines.slice(0, 2)).toEqual([
      "NAMESPACE  POD             CONTAINER  SERVICE  SAMPLES/S  CORES  HOTTEST",
      "shop       checkout-7d9f…  app        -             19.8   0.99  crypto/sha256.…",
    ]);
  });

  test("lets nothing reach the terminal that it would obey", () => {
    const lines = renderTable([rate("a\x1b]0;owned\x07\u202eb\n", 1)], { maxRows: 5, columns: 60, unit: "items" });
    expect(lines[1]).toContain("a?]0;owned??b?");
    expect(lines.every((line) => line.length <= 60)).toBe(true);
  });
});
