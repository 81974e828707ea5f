import { isIP } from "node:net";
import { type Command, InvalidArgumentError, Option } from "commander";
import type { Configuration } from "#collector";
import { bareContainerId } from "#identity";
import { type AttributeMap, type Signal, SIGNALS } from "#otlp";
import { loadOnNode } from "./cluster/any-node.ts";
import { type Explainer, type Explanation, k8sAttributesProcessor, type PodExplanation } from "./components.ts";
import { ExitCode, Fault } from "./exit.ts";
import { hintOfHost, processesOf } from "./explain/container-on-host.ts";
import { presetOrSource } from "./install.ts";
import { durationOption, repeatable } from "./options.ts";
import { type PlacedProcessor, placedProcessors, Workbench } from "./explain/processors.ts";
import { explanationLines, podLines } from "./explain/report.ts";
import { Unfiltered } from "./explain/unfiltered.ts";

interface ExplainFlags {
  readonly config: readonly string[];
  readonly set: readonly string[];
  readonly resource?: AttributeMap;
  readonly connection?: string;
  readonly pod?: PodName;
  readonly signal?: Signal;
  readonly at?: number;
  readonly timeout: number;
  readonly json?: boolean;
}

interface PodName {
  readonly namespace: string;
  readonly name: string;
}

export function define(command: Command): void {
  command
    .description(
      "Say what k8s_attributes makes of a resource: which association rule fired, which pod and container it found, and\n" +
        "where each attribute comes from. Or, with --pod, what would leave the node for that pod, and what wouldn't.",
    )
    .option("--config <file>", "file or preset; several are merged as `run` does", repeatable, [])
    .option("--set <path=value>", "a single value, laid upon all files", repeatable, [])
    .option("--resource <name=value...>", "attributes of the resource", resourceOption)
    .option("--connection <address>", "the sender's address, for rules that go by it", addressOption)
    .option(
      "--at <time>",
      "when the telemetry was made, e.g. 2026-11-22T18:00:00Z (default: it doesn't say)",
      timeOption,
    )
    .option("--pod <namespace/name>", "a dry run for that pod instead, with all its containers", podOption)
    .addOption(
      new Option("--signal <signal>", "of which pipeline (default: profiles, else the first)").choices(SIGNALS),
    )
    .option("--timeout <duration>", "how long the first list of pods may take", durationOption, 30_000)
    .option("--json", "one JSON document")
    .addHelpText(
      "after",
      `
Examples:
  podflame explain --config otelcol.yaml --resource container.id=4d0ba22d3a6b… k8s.container.name=app
  podflame explain --config otelcol.yaml --signal traces --connection 10.244.1.7
  podflame explain --config otelcol.yaml --pod shop/web-66f5996c7c-x2x9p

It asks the API server as the configuration does, and knows what is there now: of pods that are gone only a running
collector knows. Values of what is left out are not shown.`,
    )
    .action((flags: ExplainFlags) => explain(flags));
}

async function explain(flags: ExplainFlags): Promise<void> {
  const { config, set: sets, signal, pod, resource, connection } = flags;
  if (config.length === 0) throw new Fault(ExitCode.USER, "explain needs a configuration: --config FILE");
  if (pod === undefined && resource === undefined && connection === undefined) {
    throw new Fault(ExitCode.USER, "explain needs a resource (--resource container.id=…, --connection …) or --pod");
  }
  const { configuration } = await loadOnNode({ configs: config.map(presetOrSource), sets }, "");
  const placed = await placedProcessors(configuration, signal);
  const explained =
    pod === undefined
      ? await explainResource(flags, configuration, placed)
      : await explainPod(flags, pod, configuration, placed);
  const shown = flags.json === true ? `${JSON.stringify(explained.map(plain), jsonValue, 2)}\n` : textOf(explained);
  process.stdout.write(shown);
}

/** What one processor does. */
interface Explained {
  readonly processor: PlacedProcessor;
  readonly resource?: Explanation;
  /** Of a pod that isn't known: what can be found out nevertheless. */
  readonly hints?: readonly string[];
  readonly pod?: PodExplanation;
}

async function explainResource(
  { resource, connection, at, timeout }: ExplainFlags,
  configuration: Configuration,
  placed: readonly PlacedProcessor[],
): Promise<Explained[]> {
  const { explainerOf } = await k8sAttributesProcessor();
  const explained: Explained[] = [];
  let given: AttributeMap = resource ?? new Map<string, string>();
  for (const processor of placed) {
    await using workbench = new Workbench();
    await workbench.startIdentity(configuration);
    const explainer = await explainerOf(workbench.context(processor.component), processor.config, processor.signal);
    try {
      await started(explainer, timeout);
      const explanation = await explainer.resource(given, connection ?? "", at);
      const hints =
        explanation.missed === "never_seen" ? await hintsOf(processor, configuration, given, connection ?? "", at) : [];
      explained.push({ processor, resource: explanation, hints });
      given = new Map(explanation.attributes.map(({ name, value }) => [name, value]));
    } finally {
      await explainer.shutdown();
    }
  }
  return explained;
}

/** Asks whom the filter leaves out, and this machine's processes. */
async function hintsOf(
  processor: PlacedProcessor,
  configuration: Configuration,
  given: AttributeMap,
  peerAddress: string,
  atMs: number | undefined,
): Promise<string[]> {
  const hints: string[] = [];
  await using unfiltered = new Unfiltered(processor, configuration);
  const pod = await unfiltered.podOf(given, peerAddress, atMs);
  if (pod !== undefined) {
    const found = `it is of pod ${pod.namespace}/${pod.name} on node ${pod.node}`;
    hints.push(`${found}, which the filter of processors::${processor.id} leaves out`);
  } else if ((await unfiltered.seesAll()) === false) {
    hints.push("whether the filter leaves it out this user has no right to see");
  }
  for (const name of ["container.id", "k8s.pod.uid"]) {
    const value = given.get(name);
    const wanted = typeof value === "string" && name === "container.id" ? bareContainerId(value) : value;
    if (typeof wanted !== "string") continue;
    const hint = hintOfHost(processesOf(wanted));
    if (hint !== undefined) hints.push(`${name}: ${hint}`);
  }
  return hints.length > 0 ? hints : ["neither the sources that are configured nor this machine's processes know it"];
}

async function explainPod(
  { timeout }: ExplainFlags,
  pod: PodName,
  configuration: Configuration,
  placed: readonly PlacedProcessor[],
): Promise<Explained[]> {
  const explained: Explained[] = [];
  for (const processor of placed) {
    const found = await dryRun(pod, true, timeout, configuration, processor);
    if (found === undefined) {
      const unfiltered = await dryRun(pod, false, timeout, configuration, processor);
      const why =
        unfiltered === undefined ? "there is no such pod" : `the filter of processors::${processor.id} leaves it out`;
      throw new Fault(ExitCode.USER, `pod ${pod.namespace}/${pod.name}: ${why}`);
    }
    explained.push({ processor, pod: found });
  }
  return explained;
}

async function dryRun(
  pod: PodName,
  filtered: boolean,
  timeoutMs: number,
  configuration: Configuration,
  { id, component, config, signal }: PlacedProcessor,
): Promise<PodExplanation | undefined> {
  if (config.source === undefined) {
    throw new Fault(ExitCode.USER, `processors::${id} passes on what comes (passthrough): it knows no pods`);
  }
  const { podExplainerOf } = await k8sAttributesProcessor();
  await using workbench = new Workbench();
  await workbench.startIdentity(configuration);
  const explainer = await podExplainerOf(workbench.context(component), config, signal, { ...pod, filtered });
  if (explainer === undefined) return undefined;
  try {
    await started(explainer, timeoutMs);
    return await explainer.pod(pod.namespace, pod.name);
  } finally {
    await explainer.shutdown();
  }
}

/** @throws Fault where pods can't be learned of */
async function started(explainer: Explainer, timeoutMs: number): Promise<void> {
  try {
    const result = await explainer.start(timeoutMs);
    if (result === undefined) return;
    if (!result.synced) {
      const { from, lastError } = result.state;
      const why = lastError === undefined ? "" : `; last failure: ${lastError}`;
      throw new Fault(ExitCode.MISSING, `no complete list of pods from ${from} within ${timeoutMs / 1000} s${why}`);
    }
    if (result.missing.length === 0) return;
    const missing = result.missing.join(", ");
    process.stderr.write(
      `podflame: no complete list of ${missing}, so what they tell is missing; see podflame doctor\n`,
    );
  } catch (caught) {
    if (caught instanceof Fault || !(caught instanceof Error)) throw caught;
    throw new Fault(ExitCode.MISSING, `${caught.message}; podflame doctor tells more`, { cause: caught });
  }
}

function textOf(explained: readonly Explained[]): string {
  return explained
    .map(({ processor, resource, hints, pod }) => {
      const title = `processors::${processor.id} in pipeline ${processor.pipeline}`;
      const lines = pod === undefined ? explanationLines(resource!, hints ?? []) : podLines(pod);
      return `${[title, ...lines].join("\n")}\n`;
    })
    .join("\n");
}

function plain({ processor: { id, pipeline }, resource, hints, pod }: Explained): object {
  return { processor: id, pipeline, ...(resource ?? pod), ...(hints !== undefined && { hints }) };
}

/** Attributes of resources may hold what JSON has no word for. */
function jsonValue(_key: string, value: unknown): unknown {
  if (typeof value === "bigint") return String(value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString("base64");
  return value instanceof Map ? Object.fromEntries(value) : value;
}

function resourceOption(word: string, before: AttributeMap | undefined): AttributeMap {
  const at = word.indexOf("=");
  if (at <= 0) throw new InvalidArgumentError(`expected name=value, e.g. "container.id=4d0b…".`);
  return new Map([...(before ?? []), [word.slice(0, at), word.slice(at + 1)]]);
}

function addressOption(value: string): string {
  if (isIP(value) === 0) throw new InvalidArgumentError("expected an IP address without a port.");
  return value;
}

function timeOption(value: string): number {
  const ms = Date.parse(value);
  if (Number.isNaN(ms)) throw new InvalidArgumentError(`expected a time such as "2026-11-22T18:00:00Z".`);
  return ms;
}

function podOption(value: string): PodName {
  const [, namespace, name] = /^([^/]+)\/([^/]+)$/.exec(value) ?? [];
  if (namespace === undefined || name === undefined) throw new InvalidArgumentError("expected namespace/name.");
  return { namespace, name };
}
