import {
  bool,
  bytes,
  double,
  doubles,
  enumeration,
  int32s,
  int64,
  int64s,
  message,
  messages,
  nested,
  string,
  strings,
} from "./messages.ts";

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

/** What stacks are meant. */
export interface StackTraceSelectorFields {
  /** Names of the frames that stacks begin with, outermost first; none: all stacks. */
  readonly callSite: readonly { readonly name: string }[];
  /** Cuts stacks for Go's compiler; what it says is not looked at. */
  readonly goPgo: Record<never, never> | undefined;
}

const stackTraceSelector = message<StackTraceSelectorFields>({
  callSite: messages(1, message<{ readonly name: string }>({ name: string(1) })),
  goPgo: nested(2, message<Record<never, never>>({})),
});

/** What the calls that answer with stacks ask for. */
export interface SelectStacksFields extends SelectFields {
  /** 0: not said. */
  readonly maxNodes: number;
  readonly stackTraceSelector: StackTraceSelectorFields | undefined;
  /** Profiles by the ids they were pushed with, which are not kept. */
  readonly profileIdSelector: readonly string[];
  readonly traceIdSelector: readonly string[];
}

export const selectSeriesRequest = message<
  SelectFields & {
    readonly groupBy: readonly string[];
    readonly step: number;
    readonly stackTraceSelector: StackTraceSelectorFields | undefined;
    readonly limit: number;
  }
>({
  profileTypeID: string(1),
  labelSelector: string(2),
  start: int64(3),
  end: int64(4),
  groupBy: strings(5),
  step: double(6),
  stackTraceSelector: nested(8, stackTraceSelector),
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

export const selectMergeStacktracesRequest = message<SelectStacksFields & { readonly spanSelector: readonly string[] }>(
  {
    profileTypeID: string(1),
    labelSelector: string(2),
    start: int64(3),
    end: int64(4),
    maxNodes: int64(5),
    stackTraceSelector: nested(7, stackTraceSelector),
    profileIdSelector: strings(8),
    traceIdSelector: strings(10),
    spanSelector: strings(11),
  },
);
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
export const selectMergeProfileRequest = message<SelectStacksFields>({
  profileTypeID: string(1),
  labelSelector: string(2),
  start: int64(3),
  end: int64(4),
  maxNodes: int64(5),
  stackTraceSelector: nested(6, stackTraceSelector),
  profileIdSelector: strings(7),
  traceIdSelector: strings(8),
});

/** A graph as Grafana draws it; see flamebearer.ts. */
export interface FlameGraphEntry {
  readonly names: readonly string[];
  readonly levels: readonly { readonly values: readonly number[] }[];
  readonly total: number;
  readonly maxSelf: number;
}

const level = message<{ readonly values: readonly number[] }>({ values: int64s(1) });
const flameGraphFields = { names: strings(1), levels: messages(2, level), total: int64(3), maxSelf: int64(4) };
const flameGraph = message<FlameGraphEntry>(flameGraphFields);
export const flameGraphResponse = message<{ readonly flamegraph: FlameGraphEntry | undefined }>({
  flamegraph: nested(1, flameGraph),
});

/** One side of a comparison. */
export type DiffSide = SelectStacksFields & { readonly spanSelector: readonly string[] };
export const diffRequest = message<{ readonly left: DiffSide | undefined; readonly right: DiffSide | undefined }>({
  left: nested(1, selectMergeStacktracesRequest),
  right: nested(2, selectMergeStacktracesRequest),
});

/** Two graphs on one tree; see flamebearer.ts. */
export interface FlameGraphDiffEntry extends FlameGraphEntry {
  readonly leftTicks: number;
  readonly rightTicks: number;
}
const flameGraphDiff = message<FlameGraphDiffEntry>({
  ...flameGraphFields,
  leftTicks: int64(5),
  rightTicks: int64(6),
});
export const diffResponse = message<{ readonly flamegraph: FlameGraphDiffEntry | undefined }>({
  flamegraph: nested(1, flameGraphDiff),
});

export const selectHeatmapRequest = message<
  SelectFields & {
    readonly step: number;
    readonly groupBy: readonly string[];
    readonly queryType: "HEATMAP_QUERY_TYPE_UNSPECIFIED" | "HEATMAP_QUERY_TYPE_INDIVIDUAL" | "HEATMAP_QUERY_TYPE_SPAN";
    readonly limit: number;
  }
>({
  profileTypeID: string(1),
  labelSelector: string(2),
  start: int64(3),
  end: int64(4),
  step: double(5),
  groupBy: strings(6),
  queryType: enumeration(7, [
    "HEATMAP_QUERY_TYPE_UNSPECIFIED",
    "HEATMAP_QUERY_TYPE_INDIVIDUAL",
    "HEATMAP_QUERY_TYPE_SPAN",
  ]),
  limit: int64(9),
});

/** One column of a heat map. */
export interface HeatmapSlotEntry {
  /** Its end. */
  readonly timestamp: number;
  /** Where each of its cells begins, and how many values are in it. */
  readonly yMin: readonly number[];
  readonly counts: readonly number[];
}
export interface HeatmapSeriesEntry {
  readonly labels: readonly LabelPair[];
  readonly slots: readonly HeatmapSlotEntry[];
}
const heatmapSlot = message<HeatmapSlotEntry>({ timestamp: int64(1), yMin: doubles(2), counts: int32s(3) });
export const selectHeatmapResponse = message<{ readonly series: readonly HeatmapSeriesEntry[] }>({
  series: messages(1, message<HeatmapSeriesEntry>({ labels: messages(1, labelPair), slots: messages(2, heatmapSlot) })),
});

export const getProfileStatsResponse = message<{
  readonly dataIngested: boolean;
  readonly oldestProfileTime: number;
  readonly newestProfileTime: number;
}>({ dataIngested: bool(1), oldestProfileTime: int64(2), newestProfileTime: int64(3) });

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
/** Of calls that ask or answer nothing. */
export const empty = message<Record<never, never>>({});
