/** The sections that exporters have in common, in the Collector's words (exporterhelper), as fields to put into theirs. */
import type { ConfigIssue } from "../component.ts";
import {
  boolean,
  checked,
  durationMs,
  type Field,
  integer,
  mapped,
  number,
  oneOf,
  optional,
  section,
  type SectionOutput,
  string,
} from "../config/fields.ts";
import type { RetrySettings } from "./backoff.ts";
import type { QueueSettings } from "./queue.ts";

/** What a section reads as that was switched off; `undefined` would be taken for "not given". */
const OFF = "off";

/** 128 MiB: what a queue may hold in memory where the user says nothing. */
const DEFAULT_MAX_BYTES = 128 * 1024 * 1024;

const DEFAULT_QUEUE: QueueSettings = {
  consumers: 10,
  capacity: 1000,
  sizer: "requests",
  blockOnOverflow: false,
  waitForResult: false,
  maxBytes: DEFAULT_MAX_BYTES,
};

const DEFAULT_RETRY: RetrySettings = {
  initialIntervalMs: 5000,
  randomizationFactor: 0.5,
  multiplier: 1.5,
  maxIntervalMs: 30_000,
  maxElapsedMs: 300_000,
};

/** What an exporter needs to send. */
export interface SendingSettings {
  /** Bound of one attempt. */
  readonly timeoutMs: number;
  /** Absent where the queue is switched off. */
  readonly queue: QueueSettings | undefined;
  /** Absent where retries are switched off. */
  readonly retry: RetrySettings | undefined;
}

/** The keys `timeout`, `sending_queue` and `retry_on_failure` of an exporter, to be spread beside its own. */
export const sendingEntries = (defaultTimeoutMs = 5000) => ({
  timeout: optional(durationMs({ min: 0 }), defaultTimeoutMs),
  sending_queue: optional(sendingQueue(), DEFAULT_QUEUE),
  retry_on_failure: optional(retryOnFailure(), DEFAULT_RETRY),
});

/** What `sendingEntries` read. */
export type SendingKeys = SectionOutput<ReturnType<typeof sendingEntries>>;

/** Longest delay of Node's timers, 24.8 days: upstream's "no timeout". */
const NO_TIMEOUT_MS = 2 ** 31 - 1;

/** Settings out of what `sendingEntries` read. */
export function sendingSettings(read: SendingKeys): SendingSettings {
  return {
    timeoutMs: read.timeout === 0 ? NO_TIMEOUT_MS : read.timeout,
    queue: read.sending_queue === OFF ? undefined : read.sending_queue,
    retry: read.retry_on_failure === OFF ? undefined : read.retry_on_failure,
  };
}

function sendingQueue(): Field<QueueSettings | typeof OFF> {
  return mapped(
    checked(
      section(
        {
          enabled: optional(boolean(), true),
          num_consumers: optional(integer({ min: 1, max: 10_000 }), DEFAULT_QUEUE.consumers),
          queue_size: optional(integer({ min: 1 }), DEFAULT_QUEUE.capacity),
          sizer: optional(oneOf(["requests", "items", "bytes"]), DEFAULT_QUEUE.sizer),
          block_on_overflow: optional(boolean(), false),
          wait_for_result: optional(boolean(), false),
          storage: optional(string()),
          max_bytes: optional(integer({ min: 1 }), DEFAULT_MAX_BYTES),
        },
        {
          batch: `"batch" inside sending_queue is not supported yet; put the batch processor into the pipeline`,
          blocking: `"blocking" was renamed upstream; write block_on_overflow`,
        },
      ),
      (read) =>
        read.enabled && read.wait_for_result && read.storage !== undefined
          ? [{ path: ["wait_for_result"], message: "cannot be combined with storage; remove one of the two" }]
          : [],
    ),
    (read) =>
      read.enabled
        ? {
            consumers: read.num_consumers,
            capacity: read.queue_size,
            sizer: read.sizer,
            blockOnOverflow: read.block_on_overflow,
            waitForResult: read.wait_for_result,
            maxBytes: read.max_bytes,
            storage: read.storage,
          }
        : OFF,
  );
}

function retryOnFailure(): Field<RetrySettings | typeof OFF> {
  const entries = {
    enabled: optional(boolean(), true),
    initial_interval: optional(durationMs({ min: 0 }), DEFAULT_RETRY.initialIntervalMs),
    randomization_factor: optional(number({ min: 0, max: 1 }), DEFAULT_RETRY.randomizationFactor),
    multiplier: optional(number({ min: 0 }), DEFAULT_RETRY.multiplier),
    max_interval: optional(durationMs({ min: 0 }), DEFAULT_RETRY.maxIntervalMs),
    max_elapsed_time: optional(durationMs({ min: 0 }), DEFAULT_RETRY.maxElapsedMs),
  };
  return mapped(checked(section(entries), elapsedTimeProblems), (read) =>
    read.enabled
      ? {
          initialIntervalMs: read.initial_interval,
          randomizationFactor: read.randomization_factor,
          multiplier: read.multiplier,
          maxIntervalMs: read.max_interval,
          maxElapsedMs: read.max_elapsed_time,
        }
      : OFF,
  );
}

/** Giving up before the first retry is never what was meant; upstream refuses it too. */
function elapsedTimeProblems(read: {
  readonly enabled: boolean;
  readonly initial_interval: number;
  readonly max_interval: number;
  readonly max_elapsed_time: number;
}): ConfigIssue[] {
  if (!read.enabled || read.max_elapsed_time === 0) return [];
  return (["initial_interval", "max_interval"] as const)
    .filter((key) => read.max_elapsed_time < read[key])
    .map((key) => ({
      path: ["max_elapsed_time"],
      message: `must be at least ${key} (${read[key]}ms), got ${read.max_elapsed_time}ms; 0 means no limit`,
    }));
}
