import { expect, test } from "vitest";
import { type KernelProblem, KernelSupportError } from "#profiler";
import { ExitCode } from "./exit.ts";
import { kernelFault } from "./kernel-fault.ts";

const missing = (name: string): KernelProblem => ({
  what: `capability ${name}: missing; loads the kernel programs`,
  remedy: `run as root, or grant ${name}`,
});
const program: KernelProblem = { what: "program on_cpu: bpf(BPF_PROG_LOAD): EPERM", remedy: "see the points above" };

function told(...problems: KernelProblem[]): string {
  const fault = kernelFault(new KernelSupportError(problems));
  expect(fault?.exitCode).toBe(ExitCode.MISSING);
  return fault!.message;
}

test("one thing that is missing is told with its remedy, without what follows from it", () => {
  expect(told(missing("CAP_BPF"), program)).toBe(
    "this machine can't be sampled: capability CAP_BPF is missing: run as root, or grant CAP_BPF; " +
      "podflame doctor kernel tells more",
  );
});

test("several things that are missing are one line as well", () => {
  expect(told(missing("CAP_BPF"), missing("CAP_PERFMON"), program)).toBe(
    "this machine can't be sampled: capability CAP_BPF is missing, capability CAP_PERFMON is missing. " +
      "Run it as root, or grant what is missing; podflame doctor kernel tells more",
  );
});

test("a program that the kernel refuses is told where nothing else is wrong", () => {
  expect(told(program)).toContain("program on_cpu: bpf(BPF_PROG_LOAD): EPERM: see the points above");
});

test("other errors are none of its business", () => {
  expect(kernelFault(new Error("no CAP_BPF"))).toBeUndefined();
});
