/** perf_event_open(2) for one purpose: a timer of a CPU that calls a BPF program. Layouts: linux/perf_event.h. */
import { addressOf, systemCall, SystemCallError } from "../ffi.ts";
import { SYSTEM_CALL } from "./system-calls.ts";

/** Size of `struct perf_event_attr` version 5, which every kernel with BPF ring buffers knows. */
const ATTRIBUTE_BYTES = 112;
const TYPE_SOFTWARE = 1;
const COUNT_CPU_CLOCK = 0;
const FLAG_DISABLED = 1n;
const FD_CLOEXEC = 8;
const ALL_TASKS = -1;
const NO_GROUP = -1;

/** Requests of ioctl(2); all machines known here encode them alike. */
const IOCTL_ENABLE = 0x2400;
const IOCTL_PERIOD = 0x40082404;
const IOCTL_SET_BPF = 0x40042408;

/**
 * Opens the software clock of a CPU: a timer that needs no hardware counter and fires on time that the CPU is idle as
 * well. It stands still until it is enabled.
 *
 * @returns the file descriptor
 * @throws {SystemCallError} ENODEV if the CPU is offline; EACCES or EPERM without CAP_PERFMON
 */
export function openCpuClock(cpu: number, periodNs: number): number {
  const attribute = new DataView(new ArrayBuffer(ATTRIBUTE_BYTES));
  attribute.setUint32(0, TYPE_SOFTWARE, true);
  attribute.setUint32(4, ATTRIBUTE_BYTES, true);
  attribute.setBigUint64(8, BigInt(COUNT_CPU_CLOCK), true);
  attribute.setBigUint64(16, BigInt(periodNs), true);
  attribute.setBigUint64(40, FLAG_DISABLED, true);
  const result = systemCall(SYSTEM_CALL.perfEventOpen, addressOf(attribute), ALL_TASKS, cpu, NO_GROUP, FD_CLOEXEC);
  if (result < 0) throw new SystemCallError("perf_event_open", -result);
  return result;
}

function control(what: string, fd: number, request: number, argument: number | bigint): void {
  const result = systemCall(SYSTEM_CALL.ioctl, fd, request, argument);
  if (result < 0) throw new SystemCallError(`ioctl(${what})`, -result);
}

/**
 * Has a perf event call a BPF program whenever it fires.
 *
 * @throws {SystemCallError}
 */
export function attachProgram(eventFd: number, programFd: number): void {
  control("PERF_EVENT_IOC_SET_BPF", eventFd, IOCTL_SET_BPF, programFd);
}

/** @throws {SystemCallError} */
export function enableEvent(fd: number): void {
  control("PERF_EVENT_IOC_ENABLE", fd, IOCTL_ENABLE, 0);
}

/**
 * Changes the period of an event, enabled or not; it starts again.
 *
 * @throws {SystemCallError}
 */
export function setEventPeriod(fd: number, periodNs: number): void {
  const period = new BigUint64Array([BigInt(periodNs)]);
  control("PERF_EVENT_IOC_PERIOD", fd, IOCTL_PERIOD, addressOf(period));
}
