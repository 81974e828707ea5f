import { readFileSync } from "node:fs";
import { release } from "node:os";
import {
  attachProgram,
  Capability,
  closeDescriptor,
  holds,
  LoadedObject,
  MACHINE,
  onlineCpus,
  openCpuClock,
  openRawTracepoint,
  parseBpfObject,
  readCapabilities,
  type CapabilitySets,
} from "#linux";
import { configBytes, MAX_COPY_BYTES, readKernelOffsets, type KernelOffsets } from "./kernel-layout.ts";
import type { KernelCheck, KernelProblem } from "./kernel-support.ts";
import { findPidNamespace } from "./pid-namespace.ts";
import { NEEDED_CAPABILITIES } from "./privileges.ts";
import { readProgramFile } from "./program-file.ts";

/** Ring buffers and CAP_BPF came with 5.8. */
const OLDEST_KERNEL = [5, 8] as const;
/** Since 5.11 memory of maps is charged to the cgroup, no longer to the limit on locked memory. */
const KERNEL_WITHOUT_MEMLOCK = [5, 11] as const;
const FIRST_PERIOD_NS = 1e9;

/** What `checkKernel` looks at beside trying; the machine's own unless a test says otherwise. */
export interface KernelFacts {
  readonly release: string;
  /** Content of a file under /proc or /sys, undefined if it isn't there or may not be read. */
  readonly read: (path: string) => string | undefined;
  /** As `findPidNamespace` has it. */
  readonly pidNamespace: number;
  readonly capabilities: CapabilitySets;
}

/**
 * Checks all that sampling needs of this kernel and this process, and tries each part by doing it. Nothing is changed,
 * nothing stays behind. In the order in which a person would look; about 0.1 s.
 */
export function checkKernel(facts: KernelFacts = factsHere(), tried = tryFeatures): readonly KernelCheck[] {
  return [
    machine(),
    version(facts),
    ...NEEDED_CAPABILITIES.filter(({ kept }) => kept || isOlder(facts.release, KERNEL_WITHOUT_MEMLOCK)).map(
      (capability) => ({ what: `capability ${capability.name}`, ...capabilityState(capability, facts) }),
    ),
    lockdown(facts),
    pidNamespace(facts),
    bpfForOthers(facts),
    perfParanoia(facts),
    kernelAddresses(facts),
    stackDepth(facts),
    lockedMemory(facts),
    cgroups(facts),
    ...tried(),
  ];
}

/** What keeps this machine from being sampled. */
export function problemsHere(): readonly KernelProblem[] {
  return checkKernel().flatMap(({ ok, what, detail, remedy }) =>
    ok ? [] : [{ what: `${what}: ${detail}`, remedy: remedy ?? "no remedy is known" }],
  );
}

function factsHere(): KernelFacts {
  const read = (path: string): string | undefined => {
    try {
      return readFileSync(path, "latin1").trim();
    } catch {
      return undefined;
    }
  };
  return { release: release(), read, pidNamespace: findPidNamespace(), capabilities: readCapabilities() };
}

function machine(): KernelCheck {
  const remedy = MACHINE ? undefined : "run on x86-64 or arm64";
  return { what: "machine", ok: MACHINE !== undefined, detail: process.arch, remedy };
}

function version({ release: text }: KernelFacts): KernelCheck {
  const ok = !isOlder(text, OLDEST_KERNEL);
  const remedy = ok ? undefined : `Linux ${OLDEST_KERNEL.join(".")} or later is needed`;
  return { what: "kernel version", ok, detail: text, remedy };
}

function isOlder(text: string, than: readonly [number, number]): boolean {
  const [major = 0, minor = 0] = text.split(/[.-]/).map(Number);
  return major < than[0] || (major === than[0] && minor < than[1]);
}

function capabilityState(
  { capability, name, reason, required }: (typeof NEEDED_CAPABILITIES)[number],
  { capabilities: { effective, permitted } }: KernelFacts,
): Omit<KernelCheck, "what"> {
  // The large capability of old includes these.
  const instead = holds(effective, Capability.SysAdmin) && required;
  if (holds(effective, capability)) return { ok: true, detail: `held; ${reason}` };
  if (instead) return { ok: true, detail: `CAP_SYS_ADMIN is held instead; ${reason}` };
  const detail = `${holds(permitted, capability) ? "permitted, but not in effect" : "missing"}; ${reason}`;
  return {
    ok: !required,
    detail,
    remedy: `run as root, or grant ${name} (in Kubernetes: securityContext.capabilities.add)`,
  };
}

function lockdown({ read }: KernelFacts): KernelCheck {
  const state = /\[(\w+)\]/.exec(read("/sys/kernel/security/lockdown") ?? "")?.[1] ?? "none";
  const ok = state !== "confidentiality";
  const remedy = ok ? undefined : "boot with lockdown=integrity: in this mode no program may read the kernel's memory";
  return { what: "kernel lockdown", ok, detail: state, remedy };
}

function pidNamespace({ pidNamespace: inode }: KernelFacts): KernelCheck {
  const part =
    "not the machine's: of processes outside of it samples tell the container and the thread's name, " +
    "but not their functions (in Kubernetes hostPID: true shows all of them)";
  return { what: "pid namespace", ok: true, detail: inode === 0 ? "the machine's" : part };
}

function bpfForOthers({ read }: KernelFacts): KernelCheck {
  const value = read("/proc/sys/kernel/unprivileged_bpf_disabled") ?? "not there";
  return {
    what: "sysctl kernel.unprivileged_bpf_disabled",
    ok: true,
    detail: `${value}; any value will do with CAP_BPF`,
  };
}

function perfParanoia({ read }: KernelFacts): KernelCheck {
  const value = read("/proc/sys/kernel/perf_event_paranoid") ?? "not there";
  return {
    what: "sysctl kernel.perf_event_paranoid",
    ok: true,
    detail: `${value}; any value will do with CAP_PERFMON`,
  };
}

function kernelAddresses({ read, capabilities }: KernelFacts): KernelCheck {
  const value = read("/proc/sys/kernel/kptr_restrict") ?? "0";
  const hidden = value === "2" || (value === "1" && !holds(capabilities.effective, Capability.Syslog));
  return {
    what: "sysctl kernel.kptr_restrict",
    ok: true,
    detail: hidden ? `${value}: kernel functions stay without names` : value,
    remedy: hidden ? "sysctl kernel.kptr_restrict=1, with CAP_SYSLOG" : undefined,
  };
}

function stackDepth({ read }: KernelFacts): KernelCheck {
  const value = Number(read("/proc/sys/kernel/perf_event_max_stack") ?? 127);
  const remedy = value < 127 ? "sysctl kernel.perf_event_max_stack=127" : undefined;
  return { what: "sysctl kernel.perf_event_max_stack", ok: true, detail: `${value} kernel frames at most`, remedy };
}

function lockedMemory({ read, release: text, capabilities }: KernelFacts): KernelCheck {
  const what = "limit on locked memory";
  if (!isOlder(text, KERNEL_WITHOUT_MEMLOCK)) {
    return { what, ok: true, detail: `doesn't matter since Linux ${KERNEL_WITHOUT_MEMLOCK.join(".")}` };
  }
  const limit = /^Max locked memory\s+(\S+)/m.exec(read("/proc/self/limits") ?? "")?.[1] ?? "unknown";
  const ok = limit === "unlimited" || Number(limit) >= 2 << 20 || holds(capabilities.effective, Capability.SysResource);
  const remedy = ok ? undefined : "ulimit -l unlimited, or grant CAP_SYS_RESOURCE";
  return { what, ok, detail: `${limit} bytes; this kernel charges maps to it`, remedy };
}

function cgroups({ read }: KernelFacts): KernelCheck {
  const mounts = read("/proc/self/mounts") ?? "";
  const unified = /^\S+ (\S+) cgroup2 /m.exec(mounts)?.[1];
  const memory = /^\S+ (\S+) cgroup \S*\bmemory\b/m.exec(mounts)?.[1];
  const found = [unified && `v2 at ${unified}`, memory && `v1 memory controller at ${memory}`].filter(Boolean);
  return {
    what: "cgroups",
    ok: true,
    detail: found.join(", ") || "none mounted: containers can't be told apart",
    remedy: found.length > 0 ? undefined : "mount the machine's /sys/fs/cgroup (in Kubernetes: a hostPath volume)",
  };
}

const TRIED_PROGRAMS = [
  "on_cpu",
  "sched_process_exec",
  "sched_process_exit",
  "sched_switch",
  "cgroup_mkdir",
  "cgroup_rmdir",
] as const;

/** Each feature by using it for a moment. */
function tryFeatures(): readonly KernelCheck[] {
  const file = readProgramFile();
  const offsets = readKernelOffsets();
  const btf = attempt("type information of the kernel", () => {
    if ("remedy" in offsets) throw new Error(`${offsets.what}; ${offsets.remedy}`);
    return "all structures found";
  });
  const programs = attempt("kernel programs for this machine", () => {
    if ("remedy" in file) throw new Error(`${file.what}; ${file.remedy}`);
    return `${file.length} bytes`;
  });
  if ("remedy" in file || "remedy" in offsets) return [btf, programs];
  return [
    btf,
    programs,
    ...TRIED_PROGRAMS.map((name) => attempt(`program ${name}`, () => tryProgram(file, offsets, name))),
  ];
}

function tryProgram(file: Uint8Array, offsets: KernelOffsets, name: (typeof TRIED_PROGRAMS)[number]): string {
  const load = (hasTaskRegisters: boolean): LoadedObject => {
    const settings = {
      onlyPid: 0xffff_ffff,
      pidNamespace: findPidNamespace(),
      hasTaskRegisters,
      offCpuRoomBytes: 0,
      copies: { limitBytes: MAX_COPY_BYTES, perSecond: 1 },
      copyRoomBytes: 0,
    };
    return LoadedObject.load(parseBpfObject(file), {
      programs: [name],
      variables: new Map([[".rodata.config", configBytes(offsets, settings)]]),
    });
  };
  let object;
  try {
    object = load(true);
  } catch {
    object = load(false);
  }
  try {
    const fd = object.program(name);
    if (name !== "on_cpu") {
      closeDescriptor(openRawTracepoint(name, fd));
      return "loaded and attached";
    }
    const cpus = onlineCpus();
    for (const cpu of cpus) {
      const event = openCpuClock(cpu, FIRST_PERIOD_NS);
      try {
        attachProgram(event, fd);
      } finally {
        closeDescriptor(event);
      }
    }
    return `loaded and attached to ${cpus.length} CPUs`;
  } finally {
    object.close();
  }
}

function attempt(what: string, act: () => string): KernelCheck {
  try {
    return { what, ok: true, detail: act() };
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    return { what, ok: false, detail, remedy: "see the points above; if all of them are fine, please report this" };
  }
}
