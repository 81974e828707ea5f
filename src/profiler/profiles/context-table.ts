import { basename } from "node:path/posix";
import type { Process, ProcessTable, SamplePlace } from "../processes/index.ts";
import type { RecordView } from "../sampler/record.ts";
import type { ProfilerSettings, SampleAttribute } from "../settings.ts";
import { WordSet } from "../word-set.ts";
import type { Dictionary } from "./dictionary.ts";
import type { ResourceAttributes, ResourceTable } from "./resource-table.ts";

/** What the kernel's threads run, as process listings show them. */
const KERNEL_NAME = "[kernel]";

/** Of a process's own description what says which service it is. The rest could claim to be somebody else. */
const SERVICE_KEYS = ["service.namespace", "service.version", "deployment.environment.name", "deployment.environment"];
/** Differs in each process: only where each has a resource of its own. */
const INSTANCE_KEY = "service.instance.id";

/** Where `comm` stands in a record, in 32-bit words. */
const COMM_AT = 20;
const CGROUPS_AT = 8;

/** The resource of those who were sampled before the kernel knew that they are not to be. */
const NOT_WANTED = -1;

interface Context {
  readonly process: Process;
  readonly tid: number;
  readonly cpu: number;
  readonly comm: string;
  readonly cgroupV2: number;
  readonly cgroupV1: number;
  place: SamplePlace | undefined;
  resource: number;
  attributes: number;
}

/**
 * Who was sampled: for each distinct thread, as far as the settings tell threads apart, its resource and its attributes.
 * Numbers are valid until `clear`, which follows each request: so nothing holds on to processes that are gone.
 */
export class ContextTable {
  readonly #settings: Pick<ProfilerSettings, "groupBy" | "sampleAttributes">;
  readonly #processes: Pick<ProcessTable, "placeOf" | "finalPlaceOf">;
  readonly #dictionary: Dictionary;
  readonly #resources: ResourceTable;
  readonly #admits: (place: SamplePlace) => boolean;
  /** Process, thread, CPU, comm, cgroups. What isn't told is 0. */
  readonly #keys = new WordSet(11);
  readonly #contexts: Context[] = [];
  readonly #attributes: readonly SampleAttribute[];

  constructor(
    settings: Pick<ProfilerSettings, "groupBy" | "sampleAttributes">,
    processes: Pick<ProcessTable, "placeOf" | "finalPlaceOf">,
    dictionary: Dictionary,
    resources: ResourceTable,
    admits: (place: SamplePlace) => boolean,
  ) {
    this.#settings = settings;
    this.#admits = admits;
    this.#processes = processes;
    this.#dictionary = dictionary;
    this.#resources = resources;
    // Lists are built from behind, and are to be in the order of the alphabet.
    this.#attributes = [...new Set(settings.sampleAttributes)].sort().reverse();
  }

  get size(): number {
    return this.#contexts.length;
  }

  /** The number of the record's thread. Asks at once where it belongs, for cgroups can be short-lived. */
  of(record: RecordView, process: Process): number {
    const { key } = this.#keys;
    const { words, at } = record;
    const asked = this.#settings.sampleAttributes;
    key[0] = process.number;
    key[1] = asked.includes("thread.id") ? record.tid : 0;
    key[2] = asked.includes("cpu.logical_number") ? record.cpu : 0;
    const named = asked.includes("thread.name");
    for (let word = 0; word < 4; word++) {
      key[3 + word] = named ? words[at + COMM_AT + word]! : 0;
      key[7 + word] = words[at + CGROUPS_AT + word]!;
    }
    const id = this.#keys.intern();
    if (id === this.#contexts.length) {
      const { tid, cpu, comm, cgroupV2, cgroupV1 } = record;
      const place = this.#processes.placeOf(process, cgroupV2, cgroupV1);
      this.#contexts.push({ process, tid, cpu, comm, cgroupV2, cgroupV1, place, resource: 0, attributes: 0 });
    }
    return id;
  }

  /** Settles where each thread belongs, before a request is built. */
  settle(): void {
    for (const context of this.#contexts) {
      const { process, cgroupV2, cgroupV1 } = context;
      context.place ??= this.#processes.finalPlaceOf(process, cgroupV2, cgroupV1);
      if (!this.#admits(context.place)) {
        context.resource = NOT_WANTED;
        continue;
      }
      const resource = this.#resourceAttributes(process, context.place);
      context.resource = this.#resources.intern(resource);
      context.attributes = this.#sampleAttributes(context, resource);
    }
  }

  /** The number of a context's resource, after `settle`; negative if its samples are not wanted. */
  resourceOf(context: number): number {
    return this.#contexts[context]!.resource;
  }

  /** The list of a context's attributes in the dictionary, after `settle`. */
  attributesOf(context: number): number {
    return this.#contexts[context]!.attributes;
  }

  clear(): void {
    this.#keys.clear();
    this.#contexts.length = 0;
  }

  #resourceAttributes(process: Process, place: SamplePlace): ResourceAttributes {
    const attributes: [string, string | bigint][] = [];
    if (place.containerId !== undefined) attributes.push(["container.id", place.containerId]);
    if (place.runtime !== undefined) attributes.push(["container.runtime", place.runtime]);
    if (place.podUid !== undefined) attributes.push(["k8s.pod.uid", place.podUid]);
    const perProcess = this.#settings.groupBy === "process";
    if (place.kind === "kernel") attributes.push(["process.executable.name", KERNEL_NAME]);
    else if (perProcess || place.kind !== "container") {
      attributes.push(["process.executable.name", executableName(process)]);
      const path = process.facts?.executablePath ?? "";
      if (path !== "") attributes.push(["process.executable.path", path]);
    }
    if (perProcess && place.kind !== "kernel" && process.pid !== 0) {
      attributes.push(["process.pid", BigInt(process.pid)]);
    }
    const { service } = process;
    if (!service) return attributes;
    if (service.serviceName !== undefined) attributes.push(["service.name", service.serviceName]);
    for (const key of perProcess ? [...SERVICE_KEYS, INSTANCE_KEY] : SERVICE_KEYS) {
      const value = service.resourceAttributes.get(key);
      if (value !== undefined) attributes.push([key, value]);
    }
    return attributes;
  }

  /** What was asked for, without what the resource says already. */
  #sampleAttributes({ process, tid, cpu, comm }: Context, resource: ResourceAttributes): number {
    const dictionary = this.#dictionary;
    let list = 0;
    for (const key of this.#attributes) {
      if (resource.some(([told]) => told === key)) continue;
      let attribute: number;
      switch (key) {
        case "cpu.logical_number":
          attribute = dictionary.integerAttribute(key, cpu);
          break;
        case "process.executable.name":
          attribute = dictionary.textAttribute(key, executableName(process));
          break;
        case "process.executable.path": {
          const path = process.facts?.executablePath ?? "";
          if (path === "") continue;
          attribute = dictionary.textAttribute(key, path);
          break;
        }
        case "process.pid":
          if (process.pid === 0) continue;
          attribute = dictionary.integerAttribute(key, process.pid);
          break;
        case "thread.id":
          if (tid === 0) continue;
          attribute = dictionary.integerAttribute(key, tid);
          break;
        case "thread.name":
          attribute = dictionary.textAttribute(key, comm);
      }
      list = dictionary.attributeList(attribute, list);
    }
    return list;
  }
}

/** Of a process that was gone before it could be looked at, the name of its thread has to do. */
function executableName(process: Process): string {
  const path = process.facts?.executablePath ?? "";
  return path === "" ? process.comm : basename(path);
}
