/**
 * The node agent: samples every CPU, knows the container of each sample, names frames on the host, builds OTLP
 * profiles. Start with `profiler.ts`. Leaves out what happens to the profiles: that is the receiver's and its
 * pipeline's business.
 */
export { Profiler, type DeliverProfiles, type ProfilerAccounts } from "./profiler.ts";
export {
  DEFAULT_PROFILER_SETTINGS,
  SAMPLE_ATTRIBUTES,
  type ProfilerFilter,
  type ProfilerSettings,
  type SampleAttribute,
} from "./settings.ts";
export { checkKernel } from "./sampler/check-kernel.ts";
export { dropPrivileges } from "./sampler/privileges.ts";
export { KernelSupportError, type KernelCheck, type KernelProblem } from "./sampler/kernel-support.ts";
export { PROFILE_ANNOTATION, Selection, type KeyRule, type SelectionRules } from "./selection/index.ts";
