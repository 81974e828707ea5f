import { ThrottledLog } from "#collector";
import type { FollowedState, Following, IdentityHub } from "#identity";
import { type ProfileStore, StoreError } from "#store";
import type { Telemetry, Timer } from "#telemetry";
import { identityEntries } from "./identity-entries.ts";

/** What is still true is told again so often: the store forgets what nobody has told for longer than its data lasts. */
const TELL_AGAIN_MS = 6 * 60 * 60 * 1000;

/** Which labels and annotations of pods are worth remembering. */
export interface RememberedKeys {
  label(key: string): boolean;
  annotation(key: string): boolean;
}

/** Writes what the process's directories know of pods and containers, and come to know, into a store's history. */
export class IdentityRecorder {
  readonly #hub: IdentityHub;
  readonly #store: ProfileStore;
  readonly #keys: RememberedKeys;
  readonly #telemetry: Telemetry;
  readonly #log: ThrottledLog;
  #following: Following | undefined;
  #timer: Timer | undefined;

  constructor(hub: IdentityHub, store: ProfileStore, keys: RememberedKeys, telemetry: Telemetry) {
    this.#hub = hub;
    this.#store = store;
    this.#keys = keys;
    this.#telemetry = telemetry;
    this.#log = new ThrottledLog(telemetry.logger, telemetry.clock);
  }

  /** Call it before sources are opened, so that they keep the labels that are wanted. */
  start(): void {
    this.#following = this.#hub.follow({
      keys: this.#keys,
      telemetry: this.#telemetry,
      listener: (states) => this.#record(states),
    });
    this.#timer = this.#telemetry.clock.timer(TELL_AGAIN_MS, () => {
      const before = this.#following;
      this.start();
      void before?.stop();
    });
  }

  async #record(states: readonly FollowedState[]): Promise<void> {
    try {
      await this.#store.recordIdentity(states.flatMap(identityEntries));
    } catch (caught) {
      // Told again it would find no room again. Anything else may pass, and is told again.
      if (!(caught instanceof StoreError) || caught.kind !== "limit") throw caught;
      this.#log.tell("warn", "limit", "not all names can be remembered", { reason: caught.message }, states.length);
    }
  }

  /** Writes what waits. */
  async stop(): Promise<void> {
    this.#timer?.cancel();
    await this.#following?.stop();
    this.#following = undefined;
    this.#log.flush();
  }
}
