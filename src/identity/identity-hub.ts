import type { KeyFilter, ObjectKind, PodObject } from "#kubernetes";
import type { Telemetry } from "#telemetry";
import { Directory } from "./directory.ts";
import { handOver, takeOver } from "./handover.ts";
import { IdentityView } from "./identity-view.ts";
import { type ObjectNeeds, united, type Wanted } from "./object-needs.ts";
import { type Following, type FollowSettings, RecordFollower } from "./record-follower.ts";
import { type OpenSource, openSource, type PodSource, type SourceSettings, type SourceState } from "./pod-source.ts";

/** What a user wants to know of pods. */
export interface IdentityNeeds {
  readonly source: SourceSettings;
  /** Labels and annotations to keep. */
  readonly keys: KeyFilter;
  /** What else is to be followed; nothing by default. */
  readonly objects?: ObjectNeeds;
  /** Says all that `keys` and `objects` depend on: equal names are equal filters. */
  readonly keysName: string;
  /** How long what is gone counts. */
  readonly graceMs: number;
}

const NOTHING_ELSE: ObjectNeeds = new Map();

/** How waiting for the first lists ended: pods decide; what else is missing is named. */
export type SyncResult =
  | { readonly synced: true; readonly missing: readonly ObjectKind[] }
  | { readonly synced: false; readonly state: SourceState };

/** A user's hold on a directory and its source. */
export interface IdentityHandle {
  readonly view: IdentityView;
  /** Starts the source with the first user; rejects if it never can work. Doesn't wait for the first list. */
  start(): Promise<void>;
  /** Waits for the first complete list of each kind, at most that long; no longer than to `shutdown`. */
  waitForSync(timeoutMs: number): Promise<SyncResult>;
  state(): SourceState;
  /** Tells the source that a pod or container was asked for that nobody knows; see `PodSource.refresh`. */
  refresh(): void;
  /** Stops the source with the last user. May be called before `start` and twice. */
  shutdown(): Promise<void>;
}

export interface IdentityHubSettings {
  readonly telemetry: Telemetry;
  /** Pods a directory takes at most; see `DirectorySettings`. */
  readonly maxPods?: number;
  /**
   * Any object that lives as long as the process: what a hub's directories know when their users leave is what those of the
   * next hub with the same object begin with, where their sources are the same. Without it each begins with nothing.
   */
  readonly process?: object;
  /** How sources are opened, for tests. */
  readonly open?: OpenSource;
}

/**
 * The directories of a process. All who ask for the same source share one, whatever their number, so that pods are
 * watched and kept once; what they want to know of a pod is united before the source is opened.
 */
export class IdentityHub {
  readonly #settings: IdentityHubSettings;
  readonly #shared = new Map<string, SharedDirectory>();
  readonly #followers = new Set<RecordFollower>();
  #named = 0;

  constructor(settings: IdentityHubSettings) {
    this.#settings = settings;
  }

  /** Takes part in the directory of that source. Nothing is opened before `start`. */
  join(needs: IdentityNeeds): IdentityHandle {
    const key = JSON.stringify(needs.source);
    let shared = this.#shared.get(key);
    if (shared === undefined) {
      const name = `${needs.source.kind}-${this.#named++}`;
      const { directory } = (shared = new SharedDirectory(needs.source, name, this.#settings, this.#followers, () => {
        this.#shared.delete(key);
        for (const follower of this.#followers) follower.detach(directory);
      }));
      this.#shared.set(key, shared);
      for (const follower of this.#followers) follower.attach(directory);
    }
    return shared.join(needs);
  }

  /**
   * Tells a listener all that any of the directories knows and comes to know, for a history of who was who: those in use,
   * and those that somebody joins later. Opens none itself; who needs one joins one as well. Labels and annotations that
   * only the listener wants are kept from the next time that a source is opened: follow before others `start`.
   */
  follow(settings: FollowSettings): Following {
    const follower = new RecordFollower(settings, () => this.#followers.delete(follower));
    this.#followers.add(follower);
    for (const { directory } of this.#shared.values()) follower.attach(directory);
    return follower;
  }

  /** Directories in use. */
  get directories(): number {
    return this.#shared.size;
  }

  /** Ends what its users left open. */
  async shutdown(): Promise<void> {
    await Promise.all([...this.#shared.values()].map((shared) => shared.close()));
  }
}

/** One directory, its source, and who uses them. */
class SharedDirectory {
  readonly #source: SourceSettings;
  readonly #settings: IdentityHubSettings;
  readonly directory: Directory;
  readonly #followers: ReadonlySet<RecordFollower>;
  readonly #onEnd: () => void;
  readonly #users = new Set<Handle>();
  /** The source with the wishes, by name, that it was opened with. */
  #open: { readonly source: PodSource; readonly wishes: ReadonlyMap<string, Wanted> } | undefined;
  /** Opening and closing happen one after the other. */
  #turn: Promise<void> = Promise.resolve();

  constructor(
    source: SourceSettings,
    name: string,
    settings: IdentityHubSettings,
    followers: ReadonlySet<RecordFollower>,
    onEnd: () => void,
  ) {
    this.#source = source;
    this.#settings = settings;
    this.#followers = followers;
    this.#onEnd = onEnd;
    this.directory = new Directory({
      telemetry: settings.telemetry,
      name,
      ...(settings.maxPods === undefined ? {} : { maxPods: settings.maxPods }),
    });
  }

  join(needs: IdentityNeeds): IdentityHandle {
    this.directory.keepFor(needs.graceMs);
    const handle = new Handle(this, this.directory, needs, this.#settings.telemetry);
    this.#users.add(handle);
    return handle;
  }

  /** Opens the source; again, if a user's wishes came too late to be among those it was opened with. */
  start(user: Handle): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#open?.wishes.has(user.needs.keysName)) return;
      const isFirst = this.#open === undefined;
      await this.#stopSource();
      const wishes = new Map(
        [...this.#users].map(({ needs }) => [needs.keysName, { objects: NOTHING_ELSE, ...needs } satisfies Wanted]),
      );
      const followed = [...this.#followers].map(({ keys }): Wanted => ({ keys, objects: NOTHING_ELSE }));
      const wanted = united([...wishes.values(), ...followed]);
      if (wanted.objects.size > 0) this.directory.follow(wanted.objects.keys());
      if (isFirst) this.#begin();
      const sinks = {
        pods: this.directory,
        leftOut: (pod: PodObject) => this.directory.leaveOut(pod),
        sandboxes: (ids: readonly string[]) => this.directory.noteSandboxes(ids),
        objects: (kind: ObjectKind) => this.directory.objects.sink(kind),
      };
      const open = this.#settings.open ?? openSource;
      this.#open = { source: await open(this.#source, wanted, sinks, this.#settings.telemetry), wishes };
    });
  }

  leave(user: Handle): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#users.delete(user) && this.#users.size === 0) await this.#end();
    });
  }

  close(): Promise<void> {
    return this.#inTurn(async () => {
      this.#users.clear();
      await this.#end();
    });
  }

  state(): SourceState {
    if (this.#open !== undefined) return this.#open.source.state();
    const from = this.#source.kind === "file" ? this.#source.path : "the Kubernetes API";
    return { from, synced: this.directory.isSynced, lastError: undefined };
  }

  refresh(): void {
    this.#open?.source.refresh?.();
  }

  /** Knows what its predecessor knew. */
  #begin(): void {
    const { process } = this.#settings;
    if (process !== undefined) takeOver(process, JSON.stringify(this.#source), this.directory);
  }

  async #end(): Promise<void> {
    this.#onEnd();
    await this.#stopSource();
    const { process, telemetry } = this.#settings;
    if (process !== undefined) handOver(process, JSON.stringify(this.#source), this.directory, telemetry.clock);
    this.directory.close();
  }

  async #stopSource(): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    await open?.source.stop();
  }

  #inTurn(act: () => Promise<void>): Promise<void> {
    const turn = this.#turn.then(act);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }
}

class Handle implements IdentityHandle {
  readonly needs: IdentityNeeds;
  readonly view: IdentityView;
  readonly #shared: SharedDirectory;
  readonly #telemetry: Telemetry;
  readonly #leaving = Promise.withResolvers<void>();

  constructor(shared: SharedDirectory, directory: Directory, needs: IdentityNeeds, telemetry: Telemetry) {
    this.#shared = shared;
    this.#telemetry = telemetry;
    this.needs = needs;
    this.view = new IdentityView(directory, needs.graceMs, telemetry.clock);
  }

  start(): Promise<void> {
    return this.#shared.start(this);
  }

  async waitForSync(timeoutMs: number): Promise<SyncResult> {
    const waiting = new AbortController();
    const timeout = this.#telemetry.clock.sleep(timeoutMs, waiting.signal).catch(() => undefined);
    const { directory } = this.view;
    const { objects } = directory;
    const lists = [directory.synced, ...objects.kinds.map((kind) => objects.sink(kind).synced)];
    await Promise.race([Promise.all(lists), timeout, this.#leaving.promise]);
    waiting.abort();
    return directory.isSynced ? { synced: true, missing: objects.unsynced } : { synced: false, state: this.state() };
  }

  state(): SourceState {
    return this.#shared.state();
  }

  refresh(): void {
    this.#shared.refresh();
  }

  shutdown(): Promise<void> {
    this.#leaving.resolve();
    return this.#shared.leave(this);
  }
}
