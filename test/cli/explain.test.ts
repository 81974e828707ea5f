import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type Ended, podflame } from "./podflame.ts";

const TESTDATA = join(import.meta.dirname, "testdata/explain");
const ID = "a".repeat(64);

function explain(...args: readonly string[]): Promise<Ended> {
  return podflame(["explain", "--config", "config.yaml", ...args], { cwd: TESTDATA });
}

/** Compares with a file of `testdata/explain`; UPDATE_GOLDEN=1 writes it, for a person to read the difference. */
function expectGolden({ code, stdout, stderr }: Ended, name: string): void {
  expect([code, stderr]).toEqual([0, ""]);
  const file = join(TESTDATA, name);
  if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(file, stdout);
  expect(stdout).toBe(readFileSync(file, "utf8"));
}

interface Told {
  readonly processor: string;
  readonly missed?: string;
  readonly rules: readonly { readonly outcome: string }[];
  readonly attributes: readonly { readonly name: string; readonly value: unknown; readonly origin: string }[];
}

/** What the only processor does, as JSON. */
async function told(...args: readonly string[]): Promise<Told> {
  const { stdout } = await explain("--json", ...args);
  return (JSON.parse(stdout) as Told[])[0]!;
}

describe("podflame explain", () => {
  test("says which rule fired, which pod and container it found, and where each attribute comes from", async () => {
    expectGolden(await explain("--resource", `container.id=${ID}`, "team="), "container.txt");
  });

  test("says in a dry run what would leave the node for a pod, and what wouldn't and why", async () => {
    const ended = await explain("--pod", "shop/web-66f5996c7c-x2x9p");
    expectGolden(ended, "pod.txt");
    // Nobody who looks for leaks shall make one.
    expect(ended.stdout).not.toMatch(/hunter2|not for export|0123456789/);
  });

  test("says why nothing fires", async () => {
    expect(await told("--resource", "k8s.pod.uid=x")).toMatchObject({
      missed: "no_identifier",
      rules: [{ outcome: "incomplete" }, { outcome: "incomplete" }, { outcome: "incomplete" }],
      attributes: [{ name: "k8s.pod.uid", value: "x", origin: "the resource" }],
    });
    expect(await told("--resource", "container.id=nobody", "--connection", "10.244.1.7")).toMatchObject({
      missed: "never_seen",
      rules: [{ outcome: "unknown" }, { outcome: "incomplete" }, { outcome: "left_out" }],
      hints: ["neither the sources that are configured nor this machine's processes know it"],
    });
  });

  test("says that a pod is excluded", async () => {
    const { missed, rules } = await told("--resource", "k8s.pod.ip=10.244.1.8");
    expect(missed).toBe("ignored");
    expect(rules.map(({ outcome }) => outcome)).toEqual(["incomplete", "found", "not_tried"]);
    const { stdout } = await explain("--pod", "shop/jaeger-agent-0");
    expect(stdout).toContain("not named: the pod is excluded, by exclude.pods or by an annotation of its own");
  });

  test("goes by the sender's address in the pipeline of another signal", async () => {
    const { attributes } = await told("--signal", "traces", "--connection", "10.244.1.7");
    expect(attributes).toContainEqual({
      name: "k8s.deployment.name",
      value: "web",
      origin: "the owner of the pod's ReplicaSet web-66f5996c7c",
    });
  });

  test("gives what objects around pods have to a resource that names them itself", async () => {
    const { attributes } = await told("--resource", "k8s.namespace.name=shop");
    expect(attributes.at(-1)).toEqual({
      name: "k8s.namespace.label.owner",
      value: "payments",
      origin: "label owner (extract.labels[1]) of Namespace shop",
    });
  });

  test("takes the telemetry's time into account", async () => {
    // Before the pod was there somebody else had its address; a single live pod isn't doubted.
    const args = ["--signal", "traces", "--connection", "10.244.1.7", "--at", "2026-11-22T11:00:00Z"];
    expect((await told(...args)).rules.at(-1)).toMatchObject({ outcome: "found" });
  });

  test("shows what each of two processors does", async () => {
    const { stdout } = await explain(
      "--json",
      "--set",
      "processors::k8s_attributes/more={identity_file: objects.json, extract: {metadata: [k8s.node.name]}}",
      "--set",
      "service::pipelines::profiles::processors=[k8s_attributes, k8s_attributes/more]",
      "--resource",
      `container.id=${ID}`,
    );
    const [first, second] = JSON.parse(stdout) as Told[];
    expect([first!.processor, second!.processor]).toEqual(["k8s_attributes", "k8s_attributes/more"]);
    const origins = Object.fromEntries(second!.attributes.map(({ name, origin }) => [name, origin]));
    expect(origins).toMatchObject({ "k8s.pod.name": "the resource", "k8s.node.name": "spec.nodeName of the pod" });
  });

  test.each([
    [["explain", "--resource", "a=b"], /needs a configuration/, 1],
    [["explain", "--config", "config.yaml"], /needs a resource/, 1],
    [["explain", "--config", "config.yaml", "--resource", "container.id"], /expected name=value/, 1],
    [["explain", "--config", "config.yaml", "--connection", "localhost"], /expected an IP address/, 1],
    [["explain", "--config", "config.yaml", "--resource", "a=b", "--at", "noon"], /expected a time/, 1],
    [["explain", "--config", "config.yaml", "--pod", "web"], /expected namespace\/name/, 1],
    [["explain", "--config", "config.yaml", "--pod", "shop/nobody"], /there is no such pod/, 1],
    [["explain", "--config", "config.yaml", "--signal", "logs", "--resource", "a=b"], /no logs pipeline/, 1],
    [
      [
        "explain",
        "--config",
        "config.yaml",
        "--resource",
        "a=b",
        "--set",
        "processors::k8s_attributes::identity_file=no",
      ],
      /ENOENT/,
      2,
    ],
  ])("refuses %j", async (args, message, wanted) => {
    const { code, stdout, stderr } = await podflame(args, { cwd: TESTDATA });
    expect([code, stdout]).toEqual([wanted, ""]);
    expect(stderr).toMatch(message);
  });
});
