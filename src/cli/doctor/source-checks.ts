import type { Configuration } from "#collector";
import type { NamedSource, SourceState } from "#identity";
import { systemClock } from "#telemetry";
import { identityOf } from "../cluster/cluster-users.ts";
import { type Explainer, k8sAttributesProcessor } from "../components.ts";
import { findProcessors, Workbench } from "../explain/processors.ts";
import type { Check } from "./check.ts";
import { namesChecks } from "./names-checks.ts";

/** For the first answer of each source. */
const TIMEOUT_MS = 5_000;
const LOOK_EVERY_MS = 50;

/**
 * Tries where pods are learned from, as the running collector would: whether each source answers, and which of the
 * containers that run here they name. Follows for as long as that takes, writes nothing.
 */
export async function sourceChecks(configuration: Configuration): Promise<Check[]> {
  const [processor] = await findProcessors(configuration, undefined);
  if (processor === undefined || processor.config.source === undefined) return [];
  const { explainerOf } = await k8sAttributesProcessor();
  await using workbench = new Workbench();
  await workbench.startIdentity(configuration);
  // What there is after a few seconds is what is judged, whatever the collector would wait for.
  const config = { ...processor.config, waitForMetadataMs: undefined };
  const explainer = await explainerOf(workbench.context(processor.component), config, processor.signal);
  try {
    // Not for the lists: a source that fails at once needn't be waited for.
    await explainer.start(0);
    const states = await settled(explainer);
    const checks = identityOf(configuration) === undefined ? [] : states.map((state) => sourceCheck(state, states));
    if (!states.some(({ synced }) => synced)) return checks;
    return [...checks, ...(await namesChecks(explainer, processor, configuration))];
  } catch (caught) {
    const what = `processors::${processor.id}`;
    const detail = `pods can't be learned of: ${caught instanceof Error ? caught.message : String(caught)}`;
    return [{ topic: "sources", what, state: "problem", detail }];
  } finally {
    await explainer.shutdown();
  }
}

/** Waits until each source has answered or failed; one is enough to begin with, so others may still be on their way. */
async function settled(explainer: Explainer): Promise<readonly SourceState[]> {
  const deadline = AbortSignal.timeout(TIMEOUT_MS);
  for (;;) {
    const states = explainer.sources();
    const isSettled = states.every(({ synced, lastError }) => synced || lastError !== undefined);
    if (isSettled || deadline.aborted) return states;
    await systemClock.sleep(LOOK_EVERY_MS, deadline).catch(() => undefined);
  }
}

/** What to see to where a source doesn't answer. */
const REMEDIES: Readonly<Record<NamedSource, string>> = {
  api: "see that its address and credentials are right and that this process may reach it",
  gateway:
    "see that a podflame with k8s_identity.serve runs there, that network policies let this one reach it, and that " +
    "gateway.token_file and gateway.tls are what it asks for",
  kubelet:
    "see that kubelet.endpoint is this node's, kubelet.ca_file its authority, and that the account may get nodes/pods " +
    "(podflame rbac print)",
  cri: "see that the runtime's socket is mounted here and this process may open it, or name another in cri.endpoint",
  containers:
    "see that containerd or docker runs here and its socket is mounted, or name it in containers.containerd or " +
    "containers.docker",
  file: "see that the file is there and can be read; kubectl get pods -A -o json writes one",
};

function sourceCheck({ from, name = "api", synced, lastError }: SourceState, all: readonly SourceState[]): Check {
  const check = { topic: "sources", what: from } as const;
  if (synced && lastError === undefined) return { ...check, state: "ok", detail: "told of all its pods" };
  const detail = lastError ?? `no whole answer within ${TIMEOUT_MS / 1000} s`;
  const others = all.filter((other) => other.synced && other.from !== from).map((other) => other.from);
  if (others.length > 0) {
    const remedy = `${REMEDIES[name]}; or take it out of k8s_identity.sources: ${others.join(" and ")} does without it`;
    return { ...check, state: "note", detail, remedy };
  }
  const remedy = REMEDIES[name];
  return { ...check, state: "problem", detail, remedy };
}
