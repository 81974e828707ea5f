/**
 * Processes as /proc shows them: facts, mappings, files, memory, two variables of the environment, and the containers
 * that their cgroups tell. Start with `readProcess`, `openInProcess` and `CgroupTree`. All of it belongs to somebody
 * else who may lie, change it or be gone: every read is bounded, and what fails is a value.
 */
export {
  type CgroupContainer,
  type CgroupOwner,
  type CgroupPod,
  containerOfCgroup,
  ownerOfCgroup,
} from "./cgroup/container-of-cgroup.ts";
export { type CgroupRoot, findCgroupRoots, type Hierarchy } from "./cgroup/cgroup-roots.ts";
export { type CgroupListener, CgroupTree, type CgroupTreeSettings } from "./cgroup/cgroup-tree.ts";
export { type CgroupPlace, placeOfCgroup } from "./cgroup/place.ts";
export { readPlaceOfProcess } from "./cgroup/process-cgroups.ts";
export { type Mapping, type MappingsOptions, ProcessMappings, readMappings } from "./mappings.ts";
export { openInProcess, openMappedFile, type OpenLimits } from "./open-in-process.ts";
export { FileProblem, type FileProblemReason, OpenedFile } from "./opened-file.ts";
export { isSameStart, type ProcessFacts, readProcess } from "./process-facts.ts";
export { MemoryBlocks, ProcessMemory } from "./process-memory.ts";
export { readServiceVariables, type ServiceVariables } from "./service-variables.ts";
