/**
 * What every module may use to be observed and to be tested: the clock, logs, and the process's own metrics.
 * Start with `Telemetry`. Deliberately without traces of ourselves, and without OpenTelemetry's SDK
 * (docs/decisions/0002-own-metric-registry.md says why).
 */
import type { Clock } from "./clock.ts";
import type { Logger } from "./log.ts";
import type { MetricRegistry } from "./metrics.ts";

/** Handed to whatever has something to tell. `logger` is already labelled with its owner. */
export interface Telemetry {
  readonly logger: Logger;
  readonly metrics: MetricRegistry;
  readonly clock: Clock;
}

export { ManualClock, systemClock, type Clock, type Timer } from "./clock.ts";
export { createLogger, silentLogger, type LogFields, type Logger, type LogLevel, type LogSettings } from "./log.ts";
export {
  MetricRegistry,
  type Counter,
  type Gauge,
  type Histogram,
  type Labels,
  type MetricDescription,
} from "./metrics.ts";
export { VERSION } from "./version.ts";
