import { bytes, double, int64, int64s, message, messages, nested, string, strings } from "./messages.ts";

/**
 * Messages of `querier.v1.QuerierService` and `push.v1.PusherService` (Pyroscope, api/querier/v1/querier.proto,
 * api/types/v1/types.proto, api/push/v1/push.proto), as far as Grafana's data source and SDKs use them. Names are those of
 * the JSON form; times are milliseconds.
 */

interface TimeFields {
  readonly start: number;
  readonly end: number;
}

export interface LabelPair {
  readonly name: string;
  readonly value: string;
}

const labelPair = message<LabelPair>({ name: string(1), value: string(2) });

export const profileTypesRequest = message<TimeFields>({ start: int64(1), end: int64(2) });

interface ProfileTypeEntry {
  readonly ID: string;
  readonly name: string;
  readonly sampleType: string;
  readonly sampleUnit: string;
  readonly periodType: string;
  readonly periodUnit: string;
}

const profileType = message<ProfileTypeEntry>({
  ID: string(1),
  name: string(2),
  sampleType: string(4),
  sampleUnit: string(5),
  periodType: string(6),
  periodUnit: string(7),
});
export const profileTypesResponse = message<{ readonly profileTypes: readonly ProfileTypeEntry[] }>({
  profileTypes: messages(1, profileType),
});

export const labelNamesRequest = message<TimeFields & { readonly matchers: readonly string[] }>({
  matchers: strings(1),
  start: int64(2),
  end: int64(3),
});
export const labelValuesRequest = message<TimeFields & { readonly name: string; readonly matchers: readonly string[] }>(
  { name: string(1), matchers: strings(2), start: int64(3), end: int64(4) },
);
export const namesResponse = message<{ readonly names: readonly string[] }>({ names: strings(1) });

export interface SeriesFields extends TimeFields {
  readonly matchers: readonly string[];
  /** Empty: all. */
  readonly labelNames: readonly string[];
}
export const seriesRequest = message<SeriesFields>({
  matchers: strings(1),
  labelNames: strings(2),
  start: int64(3),
  end: int64(4),
});
const labels = message<{ readonly labels: readonly LabelPair[] }>({ labels: messages(1, labelPair) });
export const seriesResponse = message<{
  readonly labelsSet: readonly { readonly labels: readonly LabelPair[] }[];
}>({ labelsSet: messages(2, labels) });

/** What the calls that sum samples up have in common. */
export interface SelectFields extends TimeFields {
  /** `process_cpu:cpu:nanoseconds:cpu:nanoseconds`. */
  readonly profileTypeID: string;
  readonly labelSelector: string;
}

export const selectSeriesRequest = message<
  SelectFields & { readonly groupBy: readonly string[]; readonly step: number; readonly limit: number }
>({
  profileTypeID: string(1),
  labelSelector: string(2),
  start: int64(3),
  end: int64(4),
  groupBy: strings(5),
  step: double(6),
  limit: int64(9),
});

const point = message<{ readonly value: number; readonly timestamp: number }>({
  value: double(1),
  timestamp: int64(2),
});
const series = message<{
  readonly labels: readonly LabelPair[];
  readonly points: readonly { readonly value: number; readonly timestamp: number }[];
}>({ labels: messages(1, labelPair), points: messages(2, point) });
export const selectSeriesResponse = message<{ readonly series: readonly SeriesEntry[] }>({
  series: messages(1, series),
});
export interface SeriesEntry {
  readonly labels: readonly LabelPair[];
  readonly points: readonly { readonly value: number; readonly timestamp: number }[];
}

export const selectMergeStacktracesRequest = message<SelectFields & { readonly maxNodes: number }>({
  profileTypeID: string(1),
  labelSelector: string(2),
  start: int64(3),
  end: int64(4),
  maxNodes: int64(5),
});
export const selectMergeSpanProfileRequest = message<
  SelectFields & { readonly spanSelector: readonly string[]; readonly maxNodes: number }
>({
  profileTypeID: string(1),
  labelSelector: string(2),
  spanSelector: strings(3),
  start: int64(4),
  end: int64(5),
  maxNodes: int64(6),
});

/** A graph as Grafana draws it; see flamebearer.ts. */
export interface FlameGraphEntry {
  readonly names: readonly string[];
  readonly levels: readonly { readonly values: readonly number[] }[];
  readonly total: number;
  readonly maxSelf: number;
}

const level = message<{ readonly values: readonly number[] }>({ values: int64s(1) });
const flameGraph = message<FlameGraphEntry>({
  names: strings(1),
  levels: messages(2, level),
  total: int64(3),
  maxSelf: int64(4),
});
export const flameGraphResponse = message<{ readonly flamegraph: FlameGraphEntry | undefined }>({
  flamegraph: nested(1, flameGraph),
});

interface PushedSeries {
  readonly labels: readonly LabelPair[];
  readonly samples: readonly { readonly rawProfile: Uint8Array; readonly ID: string }[];
}

const rawSample = message<{ readonly rawProfile: Uint8Array; readonly ID: string }>({
  rawProfile: bytes(1),
  ID: string(2),
});
const pushedSeries = message<PushedSeries>({ labels: messages(1, labelPair), samples: messages(2, rawSample) });
export interface PushFields {
  readonly series: readonly PushedSeries[];
}
export const pushRequest = message<PushFields>({ series: messages(1, pushedSeries) });
export const emptyResponse = message<Record<never, never>>({});
