/**
 * What the agent asks the kernel: bpf(2), perf events, mapped memory, /proc and cgroups. The only user of the FFI.
 * Start with `kernel/index.ts` (programs, events, rings) and `proc/index.ts` (processes, mappings, containers).
 * Knows nothing of profiles.
 */
export * from "./kernel/index.ts";
export * from "./proc/index.ts";
