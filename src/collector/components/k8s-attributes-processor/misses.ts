import {
  type ArrivalKey,
  type IdentityView,
  type MissedKey,
  type MissReason,
  nodeOf,
  type Place,
  type UnresolvedKeys,
} from "#identity";
import type { ResourceView, Signal } from "#otlp";
import type { Clock } from "#telemetry";
import type { AssociationRule } from "./association.ts";
import type { AttributeNames } from "./attribute-block.ts";
import type { K8sAttributesConfig } from "./config.ts";

/** Kept of one request; what it has beyond is counted and not told one by one. */
const MAX_NOTES = 1_000;
/** The process that keeps a pod's namespaces open, in the image that almost every cluster has for it. */
const SANDBOX_EXECUTABLE = "pause";

/** Attributes by which people know a resource that no rule applies to. */
const TELLING = ["service.name", "process.executable.name", "host.name"] as const;

export interface MissesSettings {
  readonly processor: string;
  readonly signal: Signal;
  readonly clock: Clock;
  readonly config: K8sAttributesConfig;
  readonly rules: readonly AssociationRule[];
  readonly names: AttributeNames;
  readonly view: IdentityView;
  readonly unresolved: UnresolvedKeys;
  /** The last failure of where pods are learned from. */
  readonly lastError: () => string | undefined;
}

/** A resource that no rule named. */
export interface Miss {
  readonly resource: ResourceView;
  readonly peerAddress: string;
  /** As far as the rules know it. */
  readonly reason: MissReason;
  /** The first rule that applied, with the key that leads to nobody; undefined where none did. */
  readonly rule: AssociationRule | undefined;
  readonly key: ArrivalKey | undefined;
  /** Whether its request waited. */
  readonly waited: boolean;
}

/**
 * Finds out why resources aren't named, and notes the keys that led nowhere where pages and exporters find them. Notes
 * of a request count once it goes on, for it may be looked at twice.
 */
export class Misses {
  readonly #settings: MissesSettings;
  readonly #place: Place;
  readonly #node: string | undefined;
  readonly #namespace: string | undefined;
  readonly #nodeName: number;
  readonly #namespaceName: number;
  readonly #containerId: number;
  readonly #executable: number;
  readonly #telling: readonly { readonly name: string; readonly number: number }[];
  #notes: MissedKey[] = [];

  constructor(settings: MissesSettings) {
    this.#settings = settings;
    const { processor, signal, config, rules, names, view, unresolved } = settings;
    this.#place = unresolved.open({
      processor,
      signal,
      rules: rules.map((rule) => rule.names),
      telling: TELLING,
      isKnown: (key) => view.directory.knows(key),
    });
    const selection = config.source?.kind === "api" ? config.source.selection : {};
    this.#node = nodeOf(selection);
    this.#namespace = selection.namespace;
    this.#nodeName = names.number("k8s.node.name");
    this.#namespaceName = names.number("k8s.namespace.name");
    this.#containerId = names.number("container.id");
    this.#executable = names.number("process.executable.name");
    this.#telling = TELLING.map((name) => ({ name, number: names.number(name) }));
  }

  /** Notes a resource that isn't named and says why it isn't. */
  note(miss: Miss): MissReason {
    const reason = this.#reasonOf(miss);
    if (this.#notes.length < MAX_NOTES) this.#notes.push(this.#noteOf(miss, reason));
    return reason;
  }

  /** Forgets what the request at hand has. */
  discard(): void {
    if (this.#notes.length > 0) this.#notes = [];
  }

  /** Tells what the request at hand has. */
  commit(): void {
    for (const note of this.#notes) this.#place.note(note);
    this.discard();
  }

  close(): void {
    this.#place.close();
  }

  #reasonOf({ resource, reason, rule, key, waited }: Miss): MissReason {
    const isProfile = this.#settings.signal === "profiles";
    if (rule === undefined) {
      // Profilers name the executable of what runs in no container; nothing is missing there.
      const isHosts = isProfile && resource.nonEmpty(this.#executable) && !resource.nonEmpty(this.#containerId);
      return isHosts ? "host_process" : reason;
    }
    if (reason !== "never_seen" && reason !== "mismatch") return reason;
    if (differs(resource.text(this.#nodeName), this.#node)) return "other_node";
    if (differs(resource.text(this.#namespaceName), this.#namespace)) return "filtered";
    if (reason === "mismatch") return reason;
    if (isProfile && resource.text(this.#executable) === SANDBOX_EXECUTABLE) return "sandbox";
    const { leftOut, sandboxes } = this.#settings.view.directory;
    if (key !== undefined && sandboxes.sinceOf(key) !== undefined) return "sandbox";
    if (key !== undefined && leftOut.sinceOf(key) !== undefined) return "filtered";
    return waited ? "timeout" : reason;
  }

  #noteOf({ resource, peerAddress, rule, key }: Miss, reason: MissReason): MissedKey {
    const detail = this.#detailOf(reason, resource, key);
    if (rule !== undefined) {
      return { names: rule.names, values: rule.values(resource, peerAddress), reason, arrivalKey: key, detail };
    }
    const told = this.#telling.filter(({ number }) => resource.text(number) !== "");
    const names = told.map(({ name }) => name);
    return { names, values: told.map(({ number }) => resource.text(number)), reason, arrivalKey: undefined, detail };
  }

  #detailOf(reason: MissReason, resource: ResourceView, key: ArrivalKey | undefined): string | undefined {
    if (reason === "gone") {
      const sinceMs = key === undefined ? undefined : this.#settings.view.directory.departed.sinceOf(key);
      return sinceMs === undefined ? undefined : `since ${this.#wallTime(sinceMs)}`;
    }
    if (reason === "other_node") {
      return `it is on ${resource.text(this.#nodeName)}, and pods of ${this.#node} are followed`;
    }
    if (reason === "filtered" && this.#namespace !== undefined) {
      return `pods of namespace ${this.#namespace} are followed`;
    }
    return reason === "not_synced" ? this.#settings.lastError() : undefined;
  }

  #wallTime(monotonicMs: number): string {
    const { clock } = this.#settings;
    return new Date(clock.nowMs() - clock.monotonicMs() + monotonicMs).toISOString();
  }
}

/** Whether a resource says something else than what is followed. */
function differs(said: string, followed: string | undefined): boolean {
  return said !== "" && followed !== undefined && said !== followed;
}
