/** What a catalogue of series holds at most. Beyond it new series are refused; those that are known go on. */
export interface SeriesLimits {
  /** Series over the whole retention. Each takes about 400 bytes of memory. */
  readonly series: number;
  /** Distinct values of one label among the series' own attributes. */
  readonly labelValues: number;
  /** Attributes of one resource. */
  readonly labelsPerSeries: number;
  /** Characters; longer values are cut, and end with an ellipsis. */
  readonly labelValueLength: number;
  /** Entries of the identity history, on disk. Each takes about 500 bytes there. */
  readonly identityEntries: number;
}

/** Enough for 100 nodes of 45 containers whose pods are replaced eight times a day, over a week, two profile types each. */
export const DEFAULT_SERIES_LIMITS: SeriesLimits = {
  series: 500_000,
  labelValues: 100_000,
  labelsPerSeries: 128,
  labelValueLength: 1024,
  identityEntries: 1_000_000,
};
