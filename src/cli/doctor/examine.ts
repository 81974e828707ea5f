import { accessSync, constants } from "node:fs";
import {
  ConfigError,
  type ConfigProblem,
  type Configuration,
  describeProblem,
  loadConfiguration,
  type LoadedConfiguration,
  type Place,
} from "#collector";
import { clusterAccess, namingOverlay } from "../cluster-access.ts";
import { ANY_NODE, isNodeVariable, loadOnNode } from "../cluster/any-node.ts";
import { accessesOf, type ClusterUser, clusterUsers, identityOf, kubeletRules } from "../cluster/cluster-users.ts";
import { catalog, type K8sAttributesConfig, k8sAttributesProcessor, profilingReceiver } from "../components.ts";
import { presetFile, presetOrSource } from "../install.ts";
import { associationChecks } from "./association-checks.ts";
import type { Check } from "./check.ts";

/** What to examine: a configuration as `run` takes it, or the agent's where there is none. */
export interface Subject {
  readonly configs: readonly string[];
  readonly sets: readonly string[];
}

/** Looks at everything that a configuration needs, here and now. Changes nothing. */
export async function examine({ configs, sets }: Subject): Promise<Check[]> {
  const isAgent = configs.length === 0;
  const access = clusterAccess();
  const shown = isAgent ? "agent" : configs.join(" --config ");
  const sources = {
    configs: isAgent ? [presetFile("agent")!, `yaml:${namingOverlay(access)}`] : configs.map(presetOrSource),
    sets,
  };
  const { loaded, checks } = await loadChecks(sources, shown);
  if (loaded === undefined) return checks;
  if (isAgent && access === undefined) {
    checks.push({
      topic: "api",
      what: "access to a cluster",
      state: "note",
      detail: "neither a service account nor a kubeconfig is here: containers keep their ids for names",
      remedy: "in a pod mount a service account's token; elsewhere set KUBECONFIG",
    });
  }
  const { configuration } = loaded;
  checks.push(...(await fileChecks(configuration)));
  const users = await clusterUsers(configuration);
  checks.push(...(await associationChecks(configuration)));
  if (users.length > 0) {
    const { apiChecks } = await import("./api-checks.ts");
    for (const each of accessesOf(users)) {
      const kubelet = each.client.authType === "serviceAccount" ? kubeletRules(configuration) : [];
      checks.push(...(await apiChecks({ ...each, rules: [...each.rules, ...kubelet] }, shown)));
    }
  }
  if (!checks.some((check) => standsInTheWay(check, identityOf(configuration) !== undefined))) {
    const { sourceChecks } = await import("./source-checks.ts");
    checks.push(...(await sourceChecks(configuration)));
  }
  if (await samples(configuration)) checks.push(...wholeClusterNotes(users), ...(await hostChecks()));
  const { collectorChecks } = await import("./collector-check.ts");
  checks.push(...(await collectorChecks(configuration)));
  return checks;
}

/**
 * Whether it makes no sense to try where pods are learned from: files or the node's name are missing, or the API server
 * can't be asked. That was told, and needn't be waited for.
 *
 * @param hasOthers whether there may be other sources than the API server
 */
function standsInTheWay({ topic, state, what }: Check, hasOthers: boolean): boolean {
  if (state !== "problem") return false;
  if (topic === "configuration" || topic === "node") return true;
  return !hasOthers && (topic === "rights" || (topic === "api" && what !== "clock"));
}

/** Loads the configuration; without the names of nodes where nothing else is wrong. */
async function loadChecks(
  sources: { readonly configs: readonly string[]; readonly sets: readonly string[] },
  shown: string,
): Promise<{ readonly loaded: LoadedConfiguration | undefined; readonly checks: Check[] }> {
  try {
    const loaded = await loadConfiguration(sources, catalog);
    const pipelines = loaded.configuration.service.pipelines.map(({ id }) => id).join(", ");
    const valid: Check = { topic: "configuration", what: shown, state: "ok", detail: `valid: ${pipelines}` };
    return { loaded, checks: [valid, ...loaded.warnings.map((warning) => problemCheck(warning, "note"))] };
  } catch (caught) {
    if (!(caught instanceof ConfigError)) throw caught;
    const checks = caught.problems.map((problem) => problemCheck(problem, "problem"));
    const loaded = caught.problems.every(isNodeVariable) ? await loadOnNode(sources, ANY_NODE) : undefined;
    return { loaded, checks };
  }
}

function problemCheck(problem: ConfigProblem, state: "note" | "problem"): Check {
  const [detail, remedy] = partsOf(problem.message);
  const path = problem.path.join("::");
  return {
    topic: isNodeVariable(problem) ? "node" : "configuration",
    what: [placeText(problem.place), path].filter((part) => part !== "").join(": ") || describeProblem(problem),
    state,
    detail,
    ...(remedy === undefined ? {} : { remedy }),
    isUsers: true,
  };
}

function placeText(place: Place | undefined): string {
  return place === undefined ? "" : `${place.source}:${place.line}:${place.column}`;
}

/** What is wrong, and what to do where the message says it. */
function partsOf(message: string): [detail: string, remedy: string | undefined] {
  const at = message.indexOf("; ");
  return at < 0 ? [message, undefined] : [message.slice(0, at), message.slice(at + 2)];
}

/** Whether files with pods can be read, for processors that are in use. */
async function fileChecks({ processors, service }: Configuration): Promise<Check[]> {
  const { k8sAttributesProcessorFactory } = await k8sAttributesProcessor();
  const used = new Set(service.pipelines.flatMap((pipeline) => pipeline.processors));
  return [...processors].flatMap(([id, { factory, config }]): Check[] => {
    if (factory !== k8sAttributesProcessorFactory || !used.has(id)) return [];
    const { source } = config as K8sAttributesConfig;
    if (source?.kind !== "file") return [];
    const check = { topic: "configuration", what: `processors::${id}::identity_file` } as const;
    try {
      accessSync(source.path, constants.R_OK);
      return [{ ...check, state: "ok", detail: `${source.path} can be read` }];
    } catch (error) {
      const remedy = "write it with kubectl get pods -A -o json, or leave identity_file out to ask the API server";
      return [{ ...check, state: "problem", detail: (error as Error).message, remedy, isUsers: true }];
    }
  });
}

/** Whether this machine is sampled. */
async function samples({ receivers, service }: Configuration): Promise<boolean> {
  const { profilingReceiverFactory } = await profilingReceiver();
  const used = new Set(service.pipelines.flatMap((pipeline) => pipeline.receivers));
  return [...receivers].some(([id, { factory }]) => factory === profilingReceiverFactory && used.has(id));
}

function wholeClusterNotes(users: readonly ClusterUser[]): Check[] {
  return users
    .filter(({ source }) => !/(?:^|,)spec\.nodeName=/.test(source.selection.fieldSelector ?? ""))
    .map(({ component }) => ({
      topic: "node",
      what: component,
      state: "note",
      detail: "follows the pods of all nodes, though only this one is sampled",
      remedy: "set filter.node_from_env_var: on many nodes it spares the API server and this process much",
    }));
}

async function hostChecks(): Promise<Check[]> {
  const { containerChecks, runtimeCheck } = await import("./host-checks.ts");
  const { checkKernel } = await import("#profiler");
  const kernel = checkKernel().map(({ what, ok, detail, remedy }): Check => {
    const state = !ok ? "problem" : remedy === undefined ? "ok" : "note";
    return { topic: "kernel", what, state, detail, ...(remedy === undefined ? {} : { remedy }) };
  });
  return [...containerChecks(), runtimeCheck(), ...kernel];
}
