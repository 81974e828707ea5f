/** Values of labels by name. Names are Prometheus label names. */
export type Labels = Readonly<Record<string, string>>;

/** A number that only grows. */
export interface Counter {
  add(by?: number): void;
  readonly value: number;
}

/** A number that goes up and down; or, with `observe`, one that is read when somebody asks. */
export interface Gauge {
  set(value: number): void;
  add(by: number): void;
  readonly value: number;
}

/** A distribution in fixed buckets. */
export interface Histogram {
  record(value: number): void;
  readonly count: number;
  readonly sum: number;
}

/** What all series of one name share. */
export interface MetricDescription {
  /** One sentence, shown as HELP. */
  readonly help: string;
  /** Upper bounds of histogram buckets, ascending; +Inf is added. */
  readonly buckets?: readonly number[];
}

type Kind = "counter" | "gauge" | "histogram";

interface Series {
  readonly labels: string;
  render(name: string): string;
}

interface Family {
  readonly kind: Kind;
  readonly help: string;
  readonly series: Map<string, Series>;
  overflowed: number;
}

/** Bound on series a name: label values can come from outside (peers, layouts), and no map may grow without end. */
const MAX_SERIES_PER_NAME = 2000;
const OVERFLOW_LABELS: Labels = { overflow: "true" };
const DEFAULT_BUCKETS: readonly number[] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

class NumberSeries implements Series, Counter, Gauge {
  readonly labels: string;
  value = 0;
  read: (() => number) | undefined;

  constructor(labels: string) {
    this.labels = labels;
  }

  add(by = 1): void {
    this.value += by;
  }

  set(value: number): void {
    this.value = value;
  }

  render(name: string): string {
    return `${name}${this.labels} ${formatNumber(this.read ? this.read() : this.value)}\n`;
  }
}

class HistogramSeries implements Series, Histogram {
  readonly labels: string;
  readonly #bounds: readonly number[];
  readonly #counts: Float64Array;
  count = 0;
  sum = 0;

  constructor(labels: string, bounds: readonly number[]) {
    this.labels = labels;
    this.#bounds = bounds;
    this.#counts = new Float64Array(bounds.length + 1);
  }

  record(value: number): void {
    let bucket = 0;
    while (bucket < this.#bounds.length && value > this.#bounds[bucket]!) bucket++;
    this.#counts[bucket]!++;
    this.count++;
    this.sum += value;
  }

  render(name: string): string {
    const inner = this.labels === "" ? "" : this.labels.slice(1, -1) + ",";
    let text = "";
    let cumulative = 0;
    for (let bucket = 0; bucket <= this.#bounds.length; bucket++) {
      cumulative += this.#counts[bucket]!;
      const bound = bucket < this.#bounds.length ? formatNumber(this.#bounds[bucket]!) : "+Inf";
      text += `${name}_bucket{${inner}le="${bound}"} ${cumulative}\n`;
    }
    return `${text}${name}_sum${this.labels} ${formatNumber(this.sum)}\n${name}_count${this.labels} ${this.count}\n`;
  }
}

/**
 * The process's own metrics, rendered in the Prometheus text format 0.0.4. Series are bound once, when a component is
 * made, so that counting on a hot path is one addition. Asking again for the same name and labels gives the same series.
 */
export class MetricRegistry {
  readonly #families = new Map<string, Family>();

  /** Binds a counter. Name it with its unit and without `_total`, which is added when rendered. */
  counter(name: string, description: MetricDescription, labels: Labels = {}): Counter {
    return this.#bind(name, "counter", description, labels, (text) => new NumberSeries(text));
  }

  /** Binds a gauge that its owner sets. */
  gauge(name: string, description: MetricDescription, labels: Labels = {}): Gauge {
    return this.#bind(name, "gauge", description, labels, (text) => new NumberSeries(text));
  }

  /** Registers a gauge whose value `read` tells at each scrape. */
  observe(name: string, description: MetricDescription, labels: Labels, read: () => number): void {
    this.#bind(name, "gauge", description, labels, (text) => new NumberSeries(text)).read = read;
  }

  /** Binds a histogram. */
  histogram(name: string, description: MetricDescription, labels: Labels = {}): Histogram {
    const bounds = description.buckets ?? DEFAULT_BUCKETS;
    return this.#bind(name, "histogram", description, labels, (text) => new HistogramSeries(text, bounds));
  }

  /** The value of a counter or gauge series, or of all series of a name summed; undefined if there is none. */
  value(name: string, labels?: Labels): number | undefined {
    const family = this.#families.get(name);
    if (!family) return undefined;
    const wanted = labels && renderLabels(labels);
    let sum: number | undefined;
    for (const series of family.series.values()) {
      if (!(series instanceof NumberSeries) || (wanted !== undefined && series.labels !== wanted)) continue;
      sum = (sum ?? 0) + (series.read ? series.read() : series.value);
    }
    return sum;
  }

  /** All series in the Prometheus text format. */
  render(): string {
    let text = "";
    for (const [name, family] of this.#families) {
      const shown = family.kind === "counter" && !name.endsWith("_total") ? `${name}_total` : name;
      text += `# HELP ${shown} ${family.help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")}\n# TYPE ${shown} ${family.kind}\n`;
      for (const series of family.series.values()) text += series.render(shown);
    }
    return text;
  }

  #bind<S extends Series>(
    name: string,
    kind: Kind,
    description: MetricDescription,
    labels: Labels,
    make: (labels: string) => S,
  ): S {
    let family = this.#families.get(name);
    if (!family) {
      family = { kind, help: description.help, series: new Map(), overflowed: 0 };
      this.#families.set(name, family);
    }
    if (family.kind !== kind) throw new TypeError(`metric ${name} is a ${family.kind}, not a ${kind}`);
    let text = renderLabels(labels);
    if (!family.series.has(text) && family.series.size >= MAX_SERIES_PER_NAME) {
      family.overflowed++;
      text = renderLabels(OVERFLOW_LABELS);
    }
    let series = family.series.get(text) as S | undefined;
    if (!series) {
      series = make(text);
      family.series.set(text, series);
    }
    return series;
  }
}

function renderLabels(labels: Labels): string {
  const names = Object.keys(labels).sort();
  if (names.length === 0) return "";
  return `{${names.map((name) => `${name}="${escapeLabel(labels[name]!)}"`).join(",")}}`;
}

function escapeLabel(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

function formatNumber(value: number): string {
  if (value === Infinity) return "+Inf";
  if (value === -Infinity) return "-Inf";
  return String(value);
}
