import { Relay, type RelayName } from "../../test/peers/relay.ts";
import type { Cluster } from "../../test/cluster/cluster.ts";
import { NameSink } from "../../test/cluster/name-sink.ts";
import {
  type Contender,
  IDENTIFIERS,
  K8S_ATTRIBUTES,
  MOMENTS,
  type Outcome,
  shortLives,
} from "../../test/cluster/short-lives.ts";
import type { Row } from "../intake/report.ts";
import { rowOf } from "./row-of.ts";

/** Pods that live two seconds in all, a quarter of it before their status; twenty a second. */
const PACE = { perSecond: 20, startMs: 500, lifeMs: 1_500 };

/**
 * The share of resources that come out without a pod's name, by what they say of their pod and when they are sent; and of
 * those with another pod's name. All contenders get the same resources at the same time.
 */
export async function measureShortLived(
  cluster: Cluster,
  names: readonly RelayName[],
  seconds: number,
): Promise<readonly Row[]> {
  const contenders: Contender[] = [];
  try {
    for (const name of names) contenders.push(await contender(name, cluster.kubeconfig));
    const outcomes = await shortLives(cluster, contenders, { ...PACE, seconds });
    const rows = MOMENTS.flatMap((moment) =>
      IDENTIFIERS.flatMap((identifier): Row[] => {
        const of = outcomes.filter((outcome) => outcome.moment === moment && outcome.identifier === identifier);
        if (of.length === 0) return [];
        return [row(names, `% unnamed, by ${identifier}, sent ${WORDS[moment]}`, of, (name) => name === undefined)];
      }),
    );
    rows.push(row(names, "% with another pod's name", outcomes, (name, pod) => name !== undefined && name !== pod));
    return rows;
  } finally {
    for (const { relay, sink } of contenders) {
      await relay.stop();
      await sink[Symbol.asyncDispose]();
    }
  }
}

const WORDS: Readonly<Record<(typeof MOMENTS)[number], string>> = {
  created: "when the pod exists",
  "before status": "20 ms before its status",
  "after status": "after its status",
  running: "in the midst of its life",
  deleted: "a second after its end",
};

async function contender(name: RelayName, kubeconfig: string): Promise<Contender> {
  const sink = await NameSink.start();
  const target = { grpcEndpoint: "127.0.0.1:1", httpEndpoint: sink.endpoint };
  const k8sAttributes = JSON.stringify(K8S_ATTRIBUTES);
  return { sink, relay: await Relay.start({ name, target, exporter: "http", k8sAttributes, kubeconfig }) };
}

function row(
  names: readonly RelayName[],
  quantity: string,
  outcomes: readonly Outcome[],
  counts: (name: string | undefined, pod: string) => boolean,
): Row {
  const percent = (contenderName: RelayName): number[] => {
    const at = names.indexOf(contenderName);
    if (at < 0) return [];
    return [(100 * outcomes.filter((outcome) => counts(outcome.names[at], outcome.pod)).length) / outcomes.length];
  };
  return rowOf("short-lived", quantity, percent, "goal: 0");
}
