/**
 * The kernel's side of sampling: BPF programs and maps, perf events, rings, structure offsets, capabilities. Start with
 * `loaded-object.ts`. Everything made here lives in file descriptors: it ends with the process.
 */
export { SystemCallError } from "../ffi.ts";
export {
  createMap,
  deleteElement,
  descriptorFacts,
  enableRunTimeStats,
  freezeMap,
  loadProgram,
  lookUpElement,
  MapType,
  MAP_READ_ONLY_FOR_PROGRAMS,
  openRawTracepoint,
  ProgramLoadError,
  ProgramType,
  updateElement,
  type DescriptorFacts,
  type MapShape,
  type ProgramShape,
} from "./bpf.ts";
export {
  BpfObjectError,
  parseBpfObject,
  type BpfObject,
  type MapReference,
  type ObjectMap,
  type ObjectProgram,
} from "./bpf-object.ts";
export { BtfError, readBtf, type BtfAnswer, type BtfQuery } from "./btf.ts";
export { Capability, holds, keepOnlyCapabilities, readCapabilities, type CapabilitySets } from "./capabilities.ts";
export { cpuTimes, onlineCpus, parseCpuList, possibleCpus, type CpuTime } from "./cpus.ts";
export { closeDescriptor } from "./descriptor.ts";
export { LoadedObject, type LoadSettings } from "./loaded-object.ts";
export { liftLockedMemoryLimit } from "./memory-limit.ts";
export { pageBytes } from "./page-size.ts";
export { attachProgram, enableEvent, openCpuClock, setEventPeriod } from "./perf-event.ts";
export { MappedRing, RingReader, type RingMemory } from "./ring-buffer.ts";
export { MACHINE, SYSTEM_CALL, type Machine } from "./system-calls.ts";
