import type { TelemetryTime } from "#identity";
import type { Signal } from "#otlp";
import { Reader, WireType } from "#wire";

// Field numbers that all signals share: opentelemetry-proto collector/*/v1, ResourceSpans and its siblings.
const RESOURCES = 1;
const SCOPES = 2;
const RECORDS = 2;

/** Times of a record, the first that is there counts; all are fixed64 nanoseconds since 1970. */
const TIMES: Readonly<Record<Signal, readonly number[]>> = {
  // Span.end_time_unix_nano, start_time_unix_nano
  traces: [8, 7],
  // time_unix_nano of every kind of data point
  metrics: [3],
  // LogRecord.time_unix_nano, observed_time_unix_nano
  logs: [1, 11],
  // Profile.time_unix_nano of the present layout; in older ones the field is something else
  profiles: [3],
};
/** Metric.gauge, sum, histogram, exponential_histogram, summary; data_points is field 1 in each. */
const METRIC_DATA: readonly number[] = [5, 7, 9, 10, 11];
const DATA_POINTS = 1;

/** What is earlier or later isn't a time: 2000-01-01 and 2100-01-01. */
const EARLIEST_MS = 946_684_800_000;
const LATEST_MS = 4_102_444_800_000;

/**
 * When the first record of a resource was made, by the sender's clock. Looked for in the request's bytes only when
 * somebody asks, which is when an address or a name had several holders.
 */
export class ItemTime implements TelemetryTime {
  #signal: Signal = "traces";
  #bytes: Uint8Array = new Uint8Array();
  #index = -1;
  /** Where the search has come to: the resource that `#request` will find next. */
  #next = 0;
  readonly #request = new Reader();
  readonly #resource = new Reader();
  readonly #scope = new Reader();
  readonly #record = new Reader();
  readonly #data = new Reader();
  readonly #point = new Reader();

  /** Begins a request. */
  begin(signal: Signal, bytes: Uint8Array): void {
    this.#signal = signal;
    this.#bytes = bytes;
    this.#next = 0;
  }

  /** Steps to a resource of the request; they come in order. */
  at(index: number): void {
    this.#index = index;
  }

  get timeMs(): number | undefined {
    const request = this.#request;
    if (this.#next === 0 || this.#index < this.#next) {
      request.reset(this.#bytes, 0, this.#bytes.length);
      this.#next = 0;
    }
    while (request.next()) {
      if (request.field !== RESOURCES || request.wireType !== WireType.LEN) continue;
      if (this.#next++ === this.#index) return this.#ofResource(request);
    }
    return undefined;
  }

  #ofResource(outer: Reader): number | undefined {
    const [resource, scope] = [this.#resource, this.#scope];
    resource.reset(outer.bytes, outer.start, outer.end);
    while (resource.next()) {
      if (resource.field !== SCOPES || resource.wireType !== WireType.LEN) continue;
      scope.reset(resource.bytes, resource.start, resource.end);
      while (scope.next()) {
        if (scope.field !== RECORDS || scope.wireType !== WireType.LEN) continue;
        const time = this.#signal === "metrics" ? this.#ofMetric(scope) : this.#ofRecord(scope, this.#record);
        if (time !== undefined) return time;
      }
    }
    return undefined;
  }

  #ofMetric(outer: Reader): number | undefined {
    const [metric, data] = [this.#record, this.#data];
    metric.reset(outer.bytes, outer.start, outer.end);
    while (metric.next()) {
      if (!METRIC_DATA.includes(metric.field) || metric.wireType !== WireType.LEN) continue;
      data.reset(metric.bytes, metric.start, metric.end);
      while (data.next()) {
        if (data.field !== DATA_POINTS || data.wireType !== WireType.LEN) continue;
        const time = this.#ofRecord(data, this.#point);
        if (time !== undefined) return time;
      }
    }
    return undefined;
  }

  #ofRecord(outer: Reader, reader: Reader): number | undefined {
    const fields = TIMES[this.#signal];
    let [found, rank] = [undefined as number | undefined, fields.length];
    reader.reset(outer.bytes, outer.start, outer.end);
    while (reader.next()) {
      if (reader.wireType !== WireType.FIXED64) continue;
      const at = fields.indexOf(reader.field);
      if (at < 0 || at >= rank) continue;
      const ms = reader.uint() / 1e6;
      if (ms >= EARLIEST_MS && ms < LATEST_MS) [found, rank] = [ms, at];
    }
    return found;
  }
}
