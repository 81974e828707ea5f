import type { Origin, Payload, Signal } from "#otlp";
import { hostKey, type HostKey } from "../component.ts";

/** What is known of a stored payload without reading its bytes. */
export interface StoredEntry {
  /** Names the payload within its store; grows with each `append`. */
  readonly key: number;
  readonly signal: Signal;
  readonly items: number;
  readonly sizeBytes: number;
}

/** A stored payload, read back. The bytes belong to the caller. */
export interface StoredPayload {
  readonly signal: Signal;
  readonly origin: Origin;
  readonly bytes: Uint8Array;
}

/**
 * Payloads of one queue on disk, through synchronous calls. What `append` returned for outlives the process; `remove`
 * forgets it. Only `append` throws, where the disk refuses; other troubles are logged by the store.
 */
export interface QueueStore {
  /** What an earlier process left, oldest first. */
  entries(): readonly StoredEntry[];
  /** Stores the payload and returns its key. */
  append(payload: Payload): number;
  /** Undefined where nothing is stored under that key, or what is stored can't be read. */
  read(key: number): StoredPayload | undefined;
  /** Where it fails the payload comes back after a restart: delivered twice rather than lost. */
  remove(key: number): void;
  close(): void;
}

/** What a storage extension offers. */
export interface QueueStorage {
  /** Opens the store of that owner; one owner opens once. Rejects where the directory can't be used. */
  open(owner: string): Promise<QueueStore>;
}

/** Storage extensions of the process by their id as written in YAML. They enter themselves when they are made. */
export const queueStorages: HostKey<Map<string, QueueStorage>> = hostKey("storage extensions");
