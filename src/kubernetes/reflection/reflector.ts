import type { Telemetry } from "#telemetry";
import type { ApiClient, ApiResponse } from "../access/api-client.ts";
import { listParser, type ListMetadata } from "../decoding/list-parser.ts";
import {
  ACCEPT_LIST,
  ACCEPT_METADATA_LIST,
  ACCEPT_METADATA_WATCH,
  ACCEPT_WATCH,
  encodingOf,
  type Encoding,
} from "../decoding/media-types.ts";
import type { ObjectDecoder } from "../decoding/object-decoder.ts";
import { watchParser, type WatchHappening } from "../decoding/watch-parser.ts";
import { ApiError, ApiFormatError } from "../errors.ts";
import type { ReflectorSink } from "../objects.ts";
import { IdleGuard } from "./idle-guard.ts";
import { ListGarbage } from "./list-garbage.ts";
import {
  DEFAULT_PACE,
  FIRST_STEP,
  isExpired,
  nextStep,
  type Outcome,
  type Pace,
  type Step,
} from "./reflector-course.ts";
import { ReflectorTelemetry } from "./reflector-telemetry.ts";
import { collectionPath, type Resource, type Selection } from "./resource.ts";

/** What a reflector is doing; see `Reflection.state`. */
export type ReflectorPhase = "listing" | "watching" | "waiting" | "stopped";

/** A reflector's condition, for diagnostics. */
export interface ReflectorState {
  /** As in RBAC rules, e.g. `pods`. */
  readonly resource: string;
  readonly phase: ReflectorPhase;
  /** Since when it is in that phase, in milliseconds since the epoch. */
  readonly sinceMs: number;
  /** True once a first list was complete. */
  readonly synced: boolean;
  /** Objects that the server has, as far as seen. */
  readonly objects: number;
  /** Version up to which everything was seen; empty before the first list. */
  readonly resourceVersion: string;
  /** Last failure and when it was; undefined when the last list or watch went well. */
  readonly lastError: { readonly message: string; readonly atMs: number } | undefined;
  /** When something last came from the server, in milliseconds since the epoch; 0 before. */
  readonly heardMs: number;
}

/** A running list and watch. */
export interface Reflection {
  /** Resolves after the first complete list; never rejects. */
  readonly synced: Promise<void>;
  state(): ReflectorState;
  /** Ends it; resolves when nothing will reach the sink any more. */
  stop(): Promise<void>;
}

/** What a reflector needs. The last three are for tests. */
export interface ReflectorSettings<T> {
  readonly client: ApiClient;
  readonly resource: Resource;
  readonly selection: Selection;
  readonly decoder: ObjectDecoder<T>;
  readonly sink: ReflectorSink<T>;
  readonly telemetry: Telemetry;
  /** Asks for nothing but the objects' metadata. */
  readonly metadataOnly?: boolean;
  /** Objects a page of a list; default 500. */
  readonly pageSize?: number;
  readonly pace?: Pace;
  /** From 0 up to 1; Math.random by default. */
  readonly random?: () => number;
}

/**
 * Objects a page. Memory doesn't depend on it, for objects are decoded as they arrive; it bounds what the server holds
 * at once, and 500 pods of 6 KB are 3 MB.
 */
const DEFAULT_PAGE_SIZE = 500;
/** Servers send a bookmark about every minute; three without any sign are a dead connection. */
const WATCH_IDLE_MS = 180_000;
const LIST_IDLE_MS = 60_000;
/** Watches are asked to end after 5 to 10 minutes, spread out, as client-go does. */
const WATCH_SECONDS = 300;

/**
 * Keeps a sink up to date with the objects of the API server: lists them in pages, then watches from that version, for
 * ever. Whatever goes wrong is retried, by `nextStep`; it never throws and never gives up. After 410 it lists again
 * while everything known stays known; the sink learns at `listed` what is gone. A list that fails half-way begins
 * again with `listing`, so `listed` always stands for a whole one.
 *
 * A list with a field selector is answered from the server's cache at first (resourceVersion=0), because the agents of
 * all nodes ask for it at once; other lists are consistent and paged.
 */
export class Reflector<T> implements Reflection {
  readonly synced: Promise<void>;
  readonly #settings: ReflectorSettings<T>;
  readonly #path: string;
  readonly #pace: Pace;
  readonly #random: () => number;
  readonly #report: ReflectorTelemetry;
  readonly #garbage = new ListGarbage();
  readonly #stopping = new AbortController();
  readonly #ended: Promise<void>;
  #resolveSynced: () => void = () => undefined;
  #phase: ReflectorPhase = "listing";
  #sinceMs: number;
  #isSynced = false;
  #objects = 0;
  #version = "";
  #lastError: ReflectorState["lastError"];
  #heardMs = 0;
  /** A continue token expired in the last list: ask for everything at once, or it may expire for ever. */
  #unpaged = false;

  /** Starts at once. */
  constructor(settings: ReflectorSettings<T>) {
    this.#settings = settings;
    this.#path = collectionPath(settings.resource, settings.selection.namespace);
    this.#pace = settings.pace ?? DEFAULT_PACE;
    this.#random = settings.random ?? Math.random;
    this.#report = new ReflectorTelemetry(settings.resource, settings.selection.namespace, settings.telemetry);
    this.#sinceMs = settings.telemetry.clock.nowMs();
    this.synced = new Promise((resolve) => (this.#resolveSynced = resolve));
    this.#ended = this.#run();
  }

  state(): ReflectorState {
    return {
      resource: this.#settings.resource.name,
      phase: this.#phase,
      sinceMs: this.#sinceMs,
      synced: this.#isSynced,
      objects: this.#objects,
      resourceVersion: this.#version,
      lastError: this.#lastError,
      heardMs: this.#heardMs,
    };
  }

  stop(): Promise<void> {
    this.#stopping.abort(new Error("the reflector is stopped"));
    return this.#ended;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    let step: Step = FIRST_STEP;
    while (!signal.aborted) {
      if (step.delayMs > 0) {
        this.#enter("waiting");
        // Rejects only when stopped, and then the loop ends.
        await this.#settings.telemetry.clock.sleep(step.delayMs, signal).catch(() => undefined);
        if (signal.aborted) break;
      }
      const outcome = step.kind === "list" ? await this.#list() : await this.#watch();
      if (signal.aborted) break;
      this.#note(outcome);
      step = nextStep(step, outcome, this.#pace, this.#random);
    }
    this.#enter("stopped");
    this.#setObjects(0);
  }

  async #list(): Promise<Outcome> {
    this.#enter("listing");
    this.#report.lists.add();
    let continueToken = "";
    try {
      this.#tell((sink) => sink.listing());
      let objects = 0;
      let version: string;
      do {
        const page = await this.#page(continueToken, () => objects++);
        ({ continueToken, resourceVersion: version } = page);
      } while (continueToken !== "");
      this.#version = version;
      this.#unpaged = false;
      this.#setObjects(objects);
      this.#tell((sink) => sink.listed());
      this.#garbage.listed();
      this.#isSynced = true;
      this.#resolveSynced();
      return { kind: "listed" };
    } catch (error) {
      if (isExpired(error) && continueToken !== "") this.#unpaged = true;
      return this.#failure("list", error, 0);
    }
  }

  async #page(continueToken: string, count: () => void): Promise<ListMetadata> {
    const { decoder, telemetry } = this.#settings;
    const guard = new IdleGuard(telemetry.clock, LIST_IDLE_MS, `list of ${this.#settings.resource.name}`);
    try {
      const response = await this.#get("list", this.#listQuery(continueToken), guard.signal);
      const parser = listParser<T>(this.#encoding(response), decoder, (object) => {
        count();
        this.#checkObject();
        if (object !== undefined) this.#tell((sink) => sink.upsert(object));
      });
      await this.#read(response, guard, (chunk) => {
        parser.push(chunk);
        this.#garbage.read(chunk.length);
      });
      return parser.end();
    } finally {
      guard.end();
    }
  }

  #listQuery(continueToken: string): Record<string, string> {
    const query = this.#selectors();
    // The first list of an agent: any version will do, and the server's cache has it. Paging doesn't go with that.
    if (this.#settings.selection.fieldSelector && this.#version === "") return { ...query, resourceVersion: "0" };
    if (!this.#unpaged) query["limit"] = String(this.#settings.pageSize ?? DEFAULT_PAGE_SIZE);
    if (continueToken !== "") query["continue"] = continueToken;
    return query;
  }

  async #watch(): Promise<Outcome> {
    const { decoder, telemetry } = this.#settings;
    this.#enter("watching");
    this.#report.watches.add();
    const began = telemetry.clock.monotonicMs();
    const livedMs = (): number => telemetry.clock.monotonicMs() - began;
    const guard = new IdleGuard(telemetry.clock, WATCH_IDLE_MS, `watch of ${this.#settings.resource.name}`);
    try {
      const query = {
        ...this.#selectors(),
        watch: "1",
        allowWatchBookmarks: "true",
        resourceVersion: this.#version,
        timeoutSeconds: String(Math.round(WATCH_SECONDS * (1 + this.#random()))),
      };
      const response = await this.#get("watch", query, guard.signal);
      this.#recovered();
      const parser = watchParser<T>(this.#encoding(response), decoder, (happening) => this.#happened(happening));
      await this.#read(response, guard, (chunk) => parser.push(chunk));
      parser.end();
      return { kind: "watch-ended", livedMs: livedMs() };
    } catch (error) {
      return this.#failure("watch", error, livedMs());
    } finally {
      guard.end();
    }
  }

  #happened(happening: WatchHappening<T>): void {
    switch (happening.kind) {
      case "unreadable":
        this.#report.malformed.add();
        return;
      case "error":
        throw new ApiError(`watch of ${this.#settings.resource.name}`, happening.status);
      case "bookmark":
        this.#report.events.bookmark.add();
        if (happening.resourceVersion !== "") this.#version = happening.resourceVersion;
        return;
      case "added":
      case "modified":
      case "deleted": {
        const { kind, object, resourceVersion } = happening;
        this.#report.events[kind].add();
        this.#checkObject();
        if (kind === "added") this.#setObjects(this.#objects + 1);
        else if (kind === "deleted") this.#setObjects(this.#objects - 1);
        if (object !== undefined)
          this.#tell((sink) => (kind === "deleted" ? sink.remove(object) : sink.upsert(object)));
        if (resourceVersion !== "") this.#version = resourceVersion;
      }
    }
  }

  #get(verb: "list" | "watch", query: Record<string, string>, idle: AbortSignal): Promise<ApiResponse> {
    const { metadataOnly = false } = this.#settings;
    const [acceptList, acceptWatch] = metadataOnly
      ? [ACCEPT_METADATA_LIST, ACCEPT_METADATA_WATCH]
      : [ACCEPT_LIST, ACCEPT_WATCH];
    return this.#settings.client.get({
      verb,
      path: this.#path,
      query,
      accept: verb === "list" ? acceptList : acceptWatch,
      continuation: query["continue"] !== undefined,
      signal: AbortSignal.any([this.#stopping.signal, idle]),
    });
  }

  async #read(response: ApiResponse, guard: IdleGuard, push: (chunk: Uint8Array) => void): Promise<void> {
    try {
      for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
        if (this.#stopping.signal.aborted) return;
        guard.heard();
        this.#heardMs = this.#settings.telemetry.clock.nowMs();
        push(chunk);
      }
    } catch (error) {
      // An abort shows up as a broken connection here; its reason says more.
      guard.signal.throwIfAborted();
      throw error;
    }
  }

  #encoding(response: ApiResponse): Encoding {
    const encoding = encodingOf(response.contentType);
    if (encoding) return encoding;
    response.body.destroy();
    throw new ApiFormatError(`the server answered "${response.contentType}" instead of Kubernetes protobuf or JSON`);
  }

  #selectors(): Record<string, string> {
    const { fieldSelector, labelSelector } = this.#settings.selection;
    return { ...(fieldSelector && { fieldSelector }), ...(labelSelector && { labelSelector }) };
  }

  /** Counts an object that the decoder could read only in part. */
  #checkObject(): void {
    if (this.#settings.decoder.malformed) this.#report.malformed.add();
  }

  /** Hands something to the sink; a fault of the sink is a bug and must not end the watch. */
  #tell(call: (sink: ReflectorSink<T>) => void): void {
    try {
      call(this.#settings.sink);
    } catch (error) {
      this.#report.sinkFailed(error);
    }
  }

  #failure(during: "list" | "watch", caught: unknown, livedMs: number): Outcome {
    const error = caught instanceof Error ? caught : new Error(String(caught), { cause: caught });
    return isExpired(error) ? { kind: "expired" } : { kind: "failed", during, livedMs, error };
  }

  #note(outcome: Outcome): void {
    const atMs = this.#settings.telemetry.clock.nowMs();
    if (outcome.kind === "failed") {
      this.#lastError = { message: outcome.error.message, atMs };
      this.#report.failed(outcome.during, outcome.error);
    } else if (outcome.kind === "expired") {
      this.#lastError = { message: `version ${this.#version || "of the list"} is gone (410), listing again`, atMs };
      this.#report.expired();
    } else this.#recovered();
  }

  #recovered(): void {
    this.#lastError = undefined;
    this.#report.recovered();
  }

  #setObjects(objects: number): void {
    this.#report.objects.add(objects - this.#objects);
    this.#objects = objects;
  }

  #enter(phase: ReflectorPhase): void {
    this.#phase = phase;
    this.#sinceMs = this.#settings.telemetry.clock.nowMs();
  }
}
