/**
 * What an agent and its gateway say to each other: JSON documents, one a message. The agent sends one `FeedRequest`, the
 * gateway answers with batches for as long as both live.
 */
import type { MetadataObject, ObjectKind, PodObject } from "#kubernetes";
import { JsonFormError, list, record, text } from "../json-form.ts";
import { identityOf } from "../records.ts";
import { readKind, readObject, readPod, writeObject, writePod } from "../written-object.ts";

/** Of the messages; a gateway answers no other. */
export const FEED_VERSION = 1;
/** No name of a Kubernetes object is longer. */
const LONGEST_NAME = 253;

/** What an agent asks for. */
export interface FeedRequest {
  /** The node whose pods are wanted. */
  readonly node: string;
  /** Kinds of objects around pods that are wanted as well. */
  readonly kinds: readonly ObjectKind[];
  /** `at` of the last batch that was taken in, to go on from there. */
  readonly since: string | undefined;
}

/** One thing that changed on a node. What is gone is named by its key. */
export type FeedEvent =
  | { readonly kind: "pod"; readonly pod: PodObject }
  | { readonly kind: "object"; readonly object: MetadataObject }
  | { readonly kind: "gone"; readonly key: string };

/** Some events. Without any it only says that the gateway is there. */
export interface FeedBatch {
  /** Everything is told from the beginning: what doesn't come until `listed` is gone. */
  readonly listing: boolean;
  readonly events: readonly FeedEvent[];
  /** The list is complete with this batch. */
  readonly listed: boolean;
  /** Where to go on after this batch; undefined within a list. */
  readonly at: string | undefined;
}

/** The key of a pod in `gone`. */
export function keyOfPod(pod: PodObject): string {
  return `pod ${identityOf(pod) ?? ""}`;
}

/** The key of another object in `gone`. */
export function keyOfObject({ kind, uid, name }: MetadataObject): string {
  return uid === "" ? `${kind} name ${name}` : `${kind} ${uid}`;
}

export function encodeRequest({ node, kinds, since }: FeedRequest): Uint8Array {
  return Buffer.from(JSON.stringify({ version: FEED_VERSION, node, kinds, since }));
}

/** @throws Error that says what is wrong with it, for whoever sent it */
export function decodeRequest(bytes: Uint8Array): FeedRequest {
  const request = parsed(bytes);
  if (request["version"] !== FEED_VERSION) {
    throw new JsonFormError(`version ${JSON.stringify(request["version"])} is not spoken here, but ${FEED_VERSION}`);
  }
  const node = text(request["node"]);
  if (node === "" || node.length > LONGEST_NAME) throw new JsonFormError("the request names no node");
  const { since } = request;
  return {
    node,
    kinds: [...new Set(list(request["kinds"]).map(readKind))],
    since: since === undefined ? undefined : text(since),
  };
}

/** One event as it stands in a batch. */
export function encodeEvent(event: FeedEvent): string {
  if (event.kind === "pod") return JSON.stringify(writePod(event.pod));
  if (event.kind === "object") return JSON.stringify(writeObject(event.object));
  return JSON.stringify({ gone: event.key });
}

/** @param events as `encodeEvent` gave them */
export function encodeBatch(batch: Omit<FeedBatch, "events">, events: readonly string[]): Uint8Array {
  const { listing, listed, at } = batch;
  const head = JSON.stringify({ ...(listing && { listing }), ...(listed && { listed }), at });
  return Buffer.from(
    events.length === 0 ? head : `${head.slice(0, -1)}${head === "{}" ? "" : ","}"events":[${events.join(",")}]}`,
  );
}

/** @throws Error that says what is wrong with it */
export function decodeBatch(bytes: Uint8Array): FeedBatch {
  const { listing, listed, at, events = [] } = parsed(bytes);
  return {
    listing: listing === true,
    listed: listed === true,
    at: at === undefined ? undefined : text(at),
    events: list(events).map(eventOf),
  };
}

function eventOf(value: unknown): FeedEvent {
  const { pod, object, gone } = record(value);
  if (pod !== undefined) return { kind: "pod", pod: readPod(pod) };
  if (object !== undefined) return { kind: "object", object: readObject(object) };
  return { kind: "gone", key: text(gone) };
}

function parsed(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  return record(JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8")));
}
