/**
 * Many configurations of `k8s_attributes`, each through the real Collector and through podflame on the same pods: every
 * key, source and kind of rule by itself and in the usual combinations.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  casesOfContainers,
  casesOfObjects,
  casesOfPods,
  casesOfSenders,
  type AssociationCase,
} from "./association-cases.ts";
import { Comparison } from "./comparison.ts";
import { describePeers } from "./describe-peers.ts";
import { compareWithExpected } from "./differences.ts";
import { EXPECTED } from "./expected-differences.ts";
import { CONFIGURATIONS, EXPECTED_IN_SOME } from "./configurations.ts";
import { SIGNALS } from "./signals.ts";

describePeers("configurations of k8s_attributes", ["etcd", "kube-apiserver", "otelcol"], () => {
  let comparison: Comparison;
  let cases: readonly AssociationCase[];
  /** Reasons that some configuration needed. */
  const used = new Set<string>();

  beforeAll(async () => {
    comparison = await Comparison.start();
    const { pods } = comparison;
    cases = [...casesOfContainers(pods), ...casesOfPods(pods), ...casesOfSenders(pods), ...casesOfObjects(pods)];
  });
  afterAll(() => comparison[Symbol.asyncDispose]());

  test.for(CONFIGURATIONS.map((each, at) => ({ ...each, signal: SIGNALS[at % SIGNALS.length]! })))(
    "$name: the same in $signal, but for what is meant",
    async ({ name, config, naming, signal }) => {
      const pair = await comparison.both({ auth_type: "kubeConfig", wait_for_metadata: true, ...config }, naming);
      try {
        const found = await comparison.compare(pair, signal, "grpc", cases);
        const expected = [...EXPECTED, ...EXPECTED_IN_SOME.filter(({ configurations }) => configurations.test(name))];
        const { unexpected, stale } = compareWithExpected(found, expected);
        for (const { reason } of expected) if (!stale.includes(reason)) used.add(reason);
        expect(unexpected).toEqual([]);
      } finally {
        await pair.stop();
      }
    },
  );

  test("need every difference that is meant for some of them alone", () => {
    expect(EXPECTED_IN_SOME.map(({ reason }) => reason).filter((reason) => !used.has(reason))).toEqual([]);
  });
});
