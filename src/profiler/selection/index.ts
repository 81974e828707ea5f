/**
 * Which control groups are sampled: rules about namespaces, pods and containers, turned into the set that the kernel
 * looks into before it walks a stack. Start with `CgroupSelector`.
 */
export { CgroupSelector, type CgroupSelectorSettings } from "./cgroup-selector.ts";
export { type KeyRule, PROFILE_ANNOTATION, Selection, type SelectionRules } from "./rules.ts";
