import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { lifecycleSuite } from "../../testing/lifecycle-suite.ts";
import { testContext, testPayload, type TestContext } from "../../testing/context.ts";
import { liveTableExporterFactory } from "./index.ts";
import { LiveTableExporter, type Screen } from "./live-table-exporter.ts";
import { Rates } from "./rates.ts";
import { renderTable } from "./render.ts";

lifecycleSuite(liveTableExporterFactory, [{ name: "with defaults", config: null }]);

const captured = new URL("../../../../testdata/captures/ebpf-20hz-grpc.binpb", import.meta.url);

class RecordedScreen implements Screen {
  readonly inPlace: boolean;
  readonly columns = undefined;
  readonly writes: string[] = [];

  constructor(inPlace: boolean) {
    this.inPlace = inPlace;
  }
  write(text: string): void {
    this.writes.push(text);
  }
}

async function drawing(
  inPlace: boolean,
): Promise<{ context: TestContext; screen: RecordedScreen; exporter: LiveTableExporter }> {
  const context = testContext("live_table");
  const screen = new RecordedScreen(inPlace);
  const exporter = new LiveTableExporter(context, { intervalMs: 2000, maxRows: 20 }, screen);
  await exporter.start();
  return { context, screen, exporter };
}

describe("the exporter", () => {
  test("shows a recorded request by container and executable, in samples a second", async () => {
    const { context, screen, exporter } = await drawing(false);
    await exporter.consume(testPayload("profiles", readFileSync(captured)));
    await context.clock.advance(2000);
    expect(screen.writes).toHaveLength(1);
    const lines = screen.writes[0]!.split("\n");
    expect(lines[0]).toMatch(/^NAMESPACE +POD +CONTAINER +SERVICE +SAMPLES\/S$/);
    expect(lines[1]).toMatch(/^- +- +dc133e4f802e +node +21\.0$/);
    expect(lines).toContain("3 in all, 0 with a pod's name, 47.0 samples/s");
  });

  test("redraws in place on a terminal, over as many lines as it drew", async () => {
    const { context, screen, exporter } = await drawing(true);
    await exporter.consume(testPayload("profiles", readFileSync(captured)));
    await context.clock.advance(4000);
    expect(screen.writes[0]!.split("\n")).toHaveLength(7);
    expect(screen.writes[1]!.startsWith("\x1b[6A\x1b[0J")).toBe(true);
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

describe("rates", () => {
  const owner = (pod: string): { namespace: string; pod: string; container: string; service: string } => ({
    namespace: "shop",
    pod,
    container: "app",
    service: "cart",
  });

  test("are means over the last five intervals, and an owner without items in all of them is forgotten", () => {
    const rates = new Rates();
    rates.add(owner("a"), 100);
    const seen = Array.from({ length: 7 }, () => rates.endInterval(1000).map(({ perSecond }) => perSecond));
    expect(seen).toEqual([[100], [50], [100 / 3], [25], [20], [], []]);
  });

  test("count owners beyond the bound together", () => {
    const rates = new Rates();
    for (let pod = 0; pod < 10_050; pod++) rates.add(owner(`pod-${pod}`), 1);
    const result = rates.endInterval(1000);
    expect(result).toHaveLength(10_001);
    expect(result[0]).toMatchObject({ owner: { service: "(beyond 10000 others)" }, perSecond: 50 });
  });
});

describe("the table", () => {
  const rate = (pod: string, perSecond: number): { owner: Parameters<Rates["add"]>[0]; perSecond: number } => ({
    owner: { namespace: "shop", pod, container: "app", service: "" },
    perSecond,
  });

  test("sums up what doesn't fit", () => {
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

  test("lets nothing reach the terminal that it would obey", () => {
    const lines = renderTable([rate("a\x1b]0;owned\x07\u202eb\n", 1)], { maxRows: 5, columns: 60, unit: "items" });
    expect(lines[1]).toContain("a?]0;owned??b?");
    expect(lines.every((line) => line.length <= 60)).toBe(true);
  });
});
