import { describe, expect, test } from "vitest";
import { checkKernel, type KernelFacts } from "./check-kernel.ts";
import { NEEDED_CAPABILITIES } from "./privileges.ts";

const ALL = NEEDED_CAPABILITIES.reduce((set, { capability }) => set | (1n << BigInt(capability)), 0n);
const ADMIN_ONLY = 1n << 21n;

function facts(change: Partial<Omit<KernelFacts, "read">> & { files?: Record<string, string> }): KernelFacts {
  const { files = {}, ...rest } = change;
  return {
    release: "6.1.0-18-amd64",
    pidNamespace: 0,
    capabilities: { effective: ALL, permitted: ALL, inheritable: 0n },
    read: (path) => files[path],
    ...rest,
  };
}

function checkOf(what: string, change: Parameters<typeof facts>[0]): ReturnType<typeof checkKernel>[number] {
  const check = checkKernel(facts(change), () => []).find((candidate) => candidate.what === what);
  if (!check) throw new Error(`no check of ${what}`);
  return check;
}

describe("checkKernel", () => {
  test("an old kernel is a problem, a new one isn't", () => {
    expect(checkOf("kernel version", { release: "5.4.0-150-generic" })).toMatchObject({
      ok: false,
      remedy: "Linux 5.8 or later is needed",
    });
    for (const release of ["5.8.0", "5.10.0-28-amd64", "6.18.44-fc-v595", "10.0.0"]) {
      expect(checkOf("kernel version", { release }).ok).toBe(true);
    }
  });

  test("a missing capability is named with what it is for; only those without which nothing works are problems", () => {
    const none = { effective: 0n, permitted: 0n, inheritable: 0n };
    const bpf = checkOf("capability CAP_BPF", { capabilities: none });
    expect(bpf).toMatchObject({ ok: false, detail: expect.stringContaining("kernel programs") as string });
    expect(bpf.remedy).toContain("grant CAP_BPF");
    expect(checkOf("capability CAP_SYSLOG", { capabilities: none })).toMatchObject({ ok: true });
    expect(checkOf("capability CAP_SYSLOG", { capabilities: none }).remedy).toBeDefined();
  });

  test("a capability that is only permitted doesn't count", () => {
    const capabilities = { effective: 0n, permitted: ALL, inheritable: 0n };
    expect(checkOf("capability CAP_PERFMON", { capabilities }).detail).toContain("not in effect");
  });

  test("the large capability of old includes the two that are required", () => {
    const capabilities = { effective: ADMIN_ONLY, permitted: ADMIN_ONLY, inheritable: 0n };
    expect(checkOf("capability CAP_BPF", { capabilities }).ok).toBe(true);
    expect(checkOf("capability CAP_SYS_PTRACE", { capabilities }).remedy).toBeDefined();
  });

  test("of the modes of lockdown only confidentiality keeps us out", () => {
    const path = "/sys/kernel/security/lockdown";
    expect(checkOf("kernel lockdown", { files: { [path]: "none integrity [confidentiality]" } }).ok).toBe(false);
    expect(checkOf("kernel lockdown", { files: { [path]: "none [integrity] confidentiality" } }).ok).toBe(true);
  });

  test("a pid namespace of a container is no problem, but says what isn't to be seen from there", () => {
    expect(checkOf("pid namespace", { pidNamespace: 4026532281 })).toMatchObject({ ok: true });
    expect(checkOf("pid namespace", { pidNamespace: 4026532281 }).detail).toContain("hostPID");
  });

  test("hidden kernel addresses cost names, not samples", () => {
    const path = "/proc/sys/kernel/kptr_restrict";
    const check = checkOf("sysctl kernel.kptr_restrict", { files: { [path]: "2" } });
    expect(check.ok).toBe(true);
    expect(check.remedy).toBeDefined();
    expect(checkOf("sysctl kernel.kptr_restrict", { files: { [path]: "1" } }).remedy).toBeUndefined();
  });

  test("the limit on locked memory matters to old kernels only", () => {
    const files = { "/proc/self/limits": "Max locked memory         65536                65536                bytes" };
    const capabilities = { effective: ALL & ~(1n << 24n), permitted: ALL, inheritable: 0n };
    expect(checkOf("limit on locked memory", { release: "5.10.0", files, capabilities }).ok).toBe(false);
    expect(checkOf("limit on locked memory", { release: "5.10.0", files }).ok).toBe(true);
    expect(checkOf("limit on locked memory", { release: "5.11.0", files, capabilities }).ok).toBe(true);
  });

  test("hierarchies are told from what is mounted", () => {
    const hybrid = "cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\ncgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\n";
    const detail = (mounts: string): string => checkOf("cgroups", { files: { "/proc/self/mounts": mounts } }).detail;
    expect(detail(hybrid)).toBe("v2 at /sys/fs/cgroup/unified, v1 memory controller at /sys/fs/cgroup/memory");
    expect(detail("cgroup2 /sys/fs/cgroup cgroup2 rw 0 0")).toBe("v2 at /sys/fs/cgroup");
    expect(detail("")).toContain("none");
  });
});
