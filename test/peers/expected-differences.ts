import { type ExpectedDifference, something } from "./differences.ts";

/** Alone, for configurations in which nothing else differs. */
export const NO_TAG_FOR_A_DIGEST: ExpectedDifference = {
  reason: "an image given by its digest has no tag; the Collector says latest",
  cases: /image by digest$/,
  attribute: /^container\.image\.tags$/,
  collector: ["latest"],
  podflame: undefined,
};
const CONTAINER_ATTRIBUTE = /^(container\.|k8s\.container\.name$|service\.(version|instance\.id)$)/;

/** What is meant to differ, and why; docs/compatibility.md lists it. An entry that nothing needs fails the test. */
export const EXPECTED: readonly ExpectedDifference[] = [
  {
    reason: "container ids are compared in one spelling; the Collector compares them as they are written",
    cases: /^spelled /,
    attribute: /./,
    collector: undefined,
    podflame: something,
  },
  {
    reason: "the instance before a restart is known from lastState; the Collector forgets it",
    cases: /^instance before/,
    attribute: /./,
    collector: undefined,
    podflame: something,
  },
  {
    reason: "so its restart count selects it, too",
    cases: /^uid, container name and the restart count of the instance before$/,
    attribute: /^(container\.id|container\.image\.repo_digests)$/,
    collector: undefined,
    podflame: something,
  },
  {
    reason: "every empty attribute is filled; the Collector leaves an empty container.id as it is",
    cases: /^empty container id, known uid$/,
    attribute: /^container\.id$/,
    collector: "",
    podflame: something,
  },
  {
    reason: "ephemeral containers are containers; the Collector does not look at their statuses",
    cases: /^ephemeral container /,
    attribute: /./,
    collector: undefined,
    podflame: something,
  },
  {
    reason: "an association rule that finds no pod lets the next one try; the Collector stops at the first with values",
    cases: /^unknown container, known uid$/,
    attribute: /./,
    collector: undefined,
    podflame: something,
  },
  {
    reason: "what the API does not say is left out; the Collector writes an empty string",
    cases: /./,
    attribute: /^k8s\.(pod\.hostname|pod\.ip|node\.name)$/,
    collector: "",
    podflame: undefined,
  },
  NO_TAG_FOR_A_DIGEST,
  {
    reason: "docker's image ids have a scheme in front; the Collector cannot read those",
    cases: /image pulled by docker$/,
    attribute: /^container\.image\.repo_digests$/,
    collector: undefined,
    podflame: something,
  },
  {
    reason: "the only app container is meant when no container is named; the Collector counts finished init containers",
    cases: /^(uid|names|address) of init container /,
    attribute: CONTAINER_ATTRIBUTE,
    collector: undefined,
    podflame: something,
  },
  {
    reason: "a container has its name before it has a status",
    cases: /^(uid|names) of pending /,
    attribute: /^(k8s\.container\.name|service\.instance\.id)$/,
    collector: undefined,
    podflame: something,
  },
  {
    reason: "the address of a node says nothing about its pods; the Collector names the last one it saw",
    cases: /^address of host network /,
    attribute: /./,
    collector: something,
    podflame: undefined,
  },
];
