import { MemoryBlocks } from "#linux";
import type { KernelList } from "#symbols";
import type { Clock } from "#telemetry";
import { CodeFiles } from "./naming/code-files.ts";
import { FrameTypes } from "./naming/frame-types.ts";
import { KernelCode } from "./naming/kernel-code.ts";
import { NameQueue } from "./naming/name-queue.ts";
import type { ProcessWalks } from "./naming/process-walks.ts";
import type { Process, ProcessTable, SamplePlace } from "./processes/index.ts";
import { ContextTable } from "./profiles/context-table.ts";
import { Dictionary } from "./profiles/dictionary.ts";
import { pythonFlaw, truncationFlaws } from "./profiles/flaws.ts";
import { type BuiltRequest, RequestBuilder, type RequestWindow } from "./profiles/request-builder.ts";
import { type ResourceAttributes, ResourceTable } from "./profiles/resource-table.ts";
import { SampleKind, SampleLog } from "./profiles/sample-log.ts";
import { RecordFlag, RecordKind, type RecordView } from "./sampler/record.ts";
import type { ProfilerSettings } from "./settings.ts";
import { CompleteStacks } from "./stacks/complete-stacks.ts";
import { InterlockedStacks } from "./stacks/interlocked-stacks.ts";
import { PendingStacks } from "./stacks/pending-stacks.ts";
import { type ShownStack, ShownStacks } from "./stacks/shown-stacks.ts";
import { StackResolver } from "./stacks/stack-resolver.ts";
import { StackTable } from "./stacks/stack-table.ts";

/** Samples that wait for a request at most: 26 bytes each. With a slow consumer, the rest is dropped and counted. */
const MAX_SAMPLES = 1 << 16;
/** Distinct stacks known at most; then all are forgotten, with the next request. */
const MAX_STACKS = 1 << 14;
/** Stacks of the kernel alone are the same in all processes. */
const NO_PROCESS = 0;

/** What a recording is made from. */
export interface RecordingParts {
  readonly processes: ProcessTable;
  /** Attributes of every resource. */
  readonly host: ResourceAttributes;
  /** Whether samples of a place are wanted: for those taken before the kernel knew. */
  readonly admits: (place: SamplePlace) => boolean;
  readonly walks: ProcessWalks;
  readonly openKernelList: () => KernelList | undefined;
  readonly clock: Clock;
}

/**
 * What was sampled since the last request, and all that is known from before it: takes records, resolves what is new in
 * them, builds requests. Knows no time and no timers; whoever drives it says how long it may work.
 */
export class Recording {
  readonly #processes: ProcessTable;
  readonly dictionary = new Dictionary();
  readonly files = new CodeFiles();
  readonly kernel: KernelCode;
  readonly queue: NameQueue;
  readonly #clock: Clock;
  readonly #resolver: StackResolver;
  readonly complete = new CompleteStacks();
  readonly #interlocked = new InterlockedStacks();
  readonly #shown: ShownStacks;
  readonly #resources: ResourceTable;
  readonly #contexts: ContextTable;
  readonly #builder: RequestBuilder;
  readonly #stacks = new StackTable();
  readonly #pending = new PendingStacks();
  readonly #log = new SampleLog(MAX_SAMPLES);
  /** Samples for which there was no room, since the start. */
  refused = 0;
  /** Samples of those who should not have been sampled, since the start. */
  notWanted = 0;

  constructor(settings: ProfilerSettings, parts: RecordingParts) {
    const { processes, host, admits, walks, clock } = parts;
    this.#processes = processes;
    this.#clock = clock;
    const { dictionary, files } = this;
    const types = new FrameTypes(dictionary);
    this.kernel = new KernelCode(dictionary, types, parts.openKernelList, clock);
    this.queue = new NameQueue(dictionary, types, settings.addresses === "exact", clock);
    const { queue } = this;
    const blocks = new MemoryBlocks();
    this.#resolver = new StackResolver(
      { dictionary, files, types, queue, processes, blocks, clock, walks },
      this.kernel,
    );
    this.#shown = new ShownStacks(dictionary, types);
    this.#resources = new ResourceTable(host);
    this.#contexts = new ContextTable(settings, processes, dictionary, this.#resources, admits);
    this.#builder = new RequestBuilder(dictionary, this.#resources);
  }

  /** Samples that wait for a request. */
  get samples(): number {
    return this.#log.length;
  }

  get stackCount(): number {
    return this.#stacks.size;
  }

  /** Whether stacks wait in such number that no more records should be taken before `work`. */
  get isBusy(): boolean {
    return this.#pending.isFull;
  }

  /** Whether names are still being read of what was sampled, or could be looked up. */
  get isUnsettled(): boolean {
    return this.#pending.length > 0 || this.queue.length > 0;
  }

  /** Takes a record as it comes from the ring. */
  take(record: RecordView): void {
    switch (record.kind) {
      case RecordKind.OnCpu:
        this.#sample(SampleKind.OnCpu, record);
        break;
      case RecordKind.OffCpu:
        this.#sample(SampleKind.OffCpu, record);
        break;
      case RecordKind.Exec:
        this.#processes.exec(record.pid, record.startTimeNs, record.timeNs);
        break;
      case RecordKind.Exit:
        this.#processes.exit(record.pid, record.startTimeNs);
        break;
      case RecordKind.CgroupMade:
        this.#processes.cgroupMade(record.cgroupHierarchy, record.cgroupId, record.cgroupParent, record.cgroupName);
        break;
      case RecordKind.CgroupRemoved:
        this.#processes.cgroupRemoved(record.cgroupHierarchy, record.cgroupId);
    }
  }

  /**
   * Resolves and names what is new until `deadlineMs` of the monotonic clock.
   *
   * @returns whether there is more that could be done at once
   */
  work(deadlineMs: number): boolean {
    if (this.#resolve(deadlineMs)) return true;
    return this.queue.work(deadlineMs);
  }

  /** Builds the request of all samples so far, and forgets them; undefined if there are none that are wanted. */
  build(window: RequestWindow): BuiltRequest | undefined {
    if (this.#log.length === 0) return undefined;
    this.#resolve(Infinity, true);
    this.#contexts.settle();
    const taken = this.#log.length;
    const built = this.#builder.build(
      this.#log,
      {
        stackOf: (stack) => this.#shownStack(stack).stack,
        flawsOf: (stack) => this.#flawsOf(this.#shownStack(stack)) | pythonFlaw(this.#stacks.gapOf(stack)),
        resourceOf: (context) => this.#contexts.resourceOf(context),
        attributesOf: (context) => this.#contexts.attributesOf(context),
      },
      window,
    );
    this.#log.clear();
    this.#contexts.clear();
    this.notWanted += taken - built.samples;
    return built.samples === 0 ? undefined : built;
  }

  /** Ends a flush, after `build`: lets go of what is no longer used. */
  endFlush(): void {
    this.#resolver.endFlush();
    this.#processes.endFlush();
    this.files.endFlush();
    // Samples that wait refer to what would be forgotten.
    if (this.#log.length > 0 || this.#pending.length > 0) return;
    if (this.#stacks.size > MAX_STACKS || this.dictionary.isFull || this.#resources.isFull) {
      this.#stacks.clear();
      this.#resources.clear();
      this.dictionary.clear();
      this.queue.clear();
    }
  }

  /** To be called for each process that the table forgets. */
  forget(process: Process): void {
    this.#resolver.forget(process);
  }

  close(): void {
    this.files.close();
  }

  #sample(kind: number, record: RecordView): void {
    const isKernelThread = (record.flags & RecordFlag.KernelThread) !== 0;
    const process = this.#processes.sampled(record.pid, record.startTimeNs, record.comm, isKernelThread);
    if (this.#log.isFull || this.#pending.isFull) {
      this.refused++;
      return;
    }
    // At once, though the stack may have to wait: the kernel is told here how to walk the process from now on, and a copied
    // stack is gone with its record.
    const code = record.userFrames === 0 ? undefined : this.#resolver.codeOf(process);
    const native = this.complete.of(record, code);
    const walked = code?.python ? this.#interlocked.of(native, record, code.python) : native;
    const stack = code
      ? this.#stacks.intern(walked, process.number, this.#resolver.eraOf(process))
      : this.#stacks.intern(walked, NO_PROCESS, 0);
    if (this.#stacks.isNew(stack)) this.#pending.add(stack, process, walked);
    this.#log.add(kind, stack, this.#contexts.of(record, process), record.timeNs, record.valueNs);
  }

  #resolve(deadlineMs: number, atOnce = false): boolean {
    for (let next = this.#pending.peek(); next !== undefined; next = this.#pending.peek()) {
      if (!atOnce) {
        if (!this.#resolver.isReady(next)) return false;
        if (this.#clock.monotonicMs() >= deadlineMs) return true;
      }
      this.#stacks.resolve(next.stack, this.#resolver.resolve(next, this.#pending.words));
      this.#pending.shift();
    }
    return false;
  }

  #shownStack(stack: number): ShownStack {
    return this.#shown.of(this.#stacks.dictionaryStack(stack), this.#stacks.truncationOf(stack));
  }

  /** What is wrong with a stack, as bits of `FLAWS`. */
  #flawsOf({ stack, truncation }: ShownStack): number {
    const { dictionary } = this;
    const leaf = dictionary.leafOf(stack);
    const unnamed = leaf !== 0 && dictionary.linesOf(leaf) === 0 ? 1 << dictionary.reasonOf(leaf) : 0;
    return unnamed | truncationFlaws(truncation);
  }
}
