import { Capability, holds, keepOnlyCapabilities, readCapabilities } from "#linux";

/** A capability that the agent uses, and for what. */
export interface NeededCapability {
  readonly name: string;
  readonly capability: number;
  readonly reason: string;
  /** Without it there are no samples at all; without the others some lack names. */
  readonly required: boolean;
  /** It is used after the start as well. */
  readonly kept: boolean;
}

/** All capabilities that are of use; nothing else of root's rights is. */
export const NEEDED_CAPABILITIES: readonly NeededCapability[] = [
  {
    name: "CAP_BPF",
    capability: Capability.Bpf,
    reason: "loads the kernel programs, changes and reads their tables",
    required: true,
    kept: true,
  },
  {
    name: "CAP_PERFMON",
    capability: Capability.Perfmon,
    reason: "samples all tasks of a CPU, also of CPUs that come later",
    required: true,
    kept: true,
  },
  {
    name: "CAP_SYS_PTRACE",
    capability: Capability.SysPtrace,
    reason: "reads mappings, executables and V8's heap of other users' processes",
    required: false,
    kept: true,
  },
  {
    name: "CAP_DAC_READ_SEARCH",
    capability: Capability.DacReadSearch,
    reason: "reads executables that only their owner may read",
    required: false,
    kept: true,
  },
  {
    name: "CAP_CHECKPOINT_RESTORE",
    capability: Capability.CheckpointRestore,
    reason: "reads executables that were deleted or replaced while they run",
    required: false,
    kept: true,
  },
  {
    name: "CAP_SYSLOG",
    capability: Capability.Syslog,
    reason: "reads the addresses of kernel functions",
    required: false,
    kept: true,
  },
  {
    name: "CAP_SYS_RESOURCE",
    capability: Capability.SysResource,
    reason: "lifts the limit on locked memory, before Linux 5.11 only",
    required: false,
    kept: false,
  },
];

/**
 * Gives up all capabilities but those that are used after the start. To be called once the sampler is open and the ports
 * are bound. It holds for the thread that runs JavaScript, threads and processes that it starts; the runtime's own
 * threads, which were there before, keep theirs (the kernel knows no call to change another thread's). For a process
 * that never had more, start it so: `setpriv --bounding-set`, or `capabilities.drop: [ALL]` in Kubernetes.
 *
 * @returns names of those that are held now
 */
export function dropPrivileges(): readonly string[] {
  // The old capability stands in for the two that kernels before 5.8 don't have; without them it is what we run on.
  const { effective } = readCapabilities();
  const standsIn = !holds(effective, Capability.Bpf) || !holds(effective, Capability.Perfmon);
  const kept = NEEDED_CAPABILITIES.filter((capability) => capability.kept).map(({ capability }) => capability);
  const held = keepOnlyCapabilities(standsIn ? [...kept, Capability.SysAdmin] : kept).effective;
  const names = NEEDED_CAPABILITIES.filter(({ capability }) => holds(held, capability)).map(({ name }) => name);
  return holds(held, Capability.SysAdmin) ? [...names, "CAP_SYS_ADMIN"] : names;
}
