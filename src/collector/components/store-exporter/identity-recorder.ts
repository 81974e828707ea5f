import type { Following, IdentityHub } from "#identity";
import type { ProfileStore } from "#store";
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
  #following: Following | undefined;
  #timer: Timer | undefined;

  constructor(hub: IdentityHub, store: ProfileStore, keys: RememberedKeys, telemetry: Telemetry) {
    this.#hub = hub;
    this.#store = store;
    this.#keys = keys;
    this.#telemetry = telemetry;
  }

  /** Call it before sources are opened, so that they keep the labels that are wanted. */
  start(): void {
    this.#following = this.#hub.follow({
      keys: this.#keys,
      telemetry: this.#telemetry,
      listener: (states) => this.#store.recordIdentity(states.flatMap(identityEntries)),
    });
    this.#timer = this.#telemetry.clock.timer(TELL_AGAIN_MS, () => {
      const before = this.#following;
      this.start();
      void before?.stop();
    });
  }

  /** Writes what waits. */
  async stop(): Promise<void> {
    this.#timer?.cancel();
    await this.#following?.stop();
    this.#following = undefined;
  }
}
