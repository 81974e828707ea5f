import { pino } from "pino";

/** Levels as the OpenTelemetry Collector's `service::telemetry::logs::level` names them. */
export type LogLevel = "debug" | "info" | "warn" | "error";

/** Facts beside a message. Values are shown as JSON; errors with message and cause. */
export type LogFields = Readonly<Record<string, unknown>>;

/**
 * Structured logs on standard error. Never called per item on the data path: count there, and log a summary.
 * No field may hold a credential; secrets are `Secret`, which shows itself as [REDACTED].
 */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger whose every line carries `fields` too. */
  child(fields: LogFields): Logger;
}

/** How the process logs. */
export interface LogSettings {
  readonly level: LogLevel;
  /** `json`: one object a line; `console`: for people. Default: console on a terminal, json elsewhere. */
  readonly encoding?: "json" | "console";
  /** Where lines go, for tests; standard error by default. */
  readonly write?: (line: string) => void;
}

const SHOWN: Readonly<Record<number, string>> = { 20: "debug", 30: "info", 40: "warn", 50: "error" };

/** Makes the process's logger. Lines are written synchronously, so none is lost when the process ends. */
export function createLogger(settings: LogSettings): Logger {
  const write = settings.write ?? ((line: string) => void process.stderr.write(line));
  const console = (settings.encoding ?? (process.stderr.isTTY ? "console" : "json")) === "console";
  const root = pino(
    {
      level: settings.level,
      base: null,
      timestamp: () => `,"ts":"${new Date().toISOString()}"`,
      formatters: { level: (_label, number) => ({ level: SHOWN[number] ?? String(number) }) },
      serializers: { error: describeError },
    },
    { write: console ? (line: string) => write(forPeople(line)) : write },
  );
  return wrap(root);
}

/** A logger that says nothing. */
export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLogger,
};

function wrap(logger: pino.Logger): Logger {
  return {
    debug: (message, fields) => logger.debug(fields ?? {}, message),
    info: (message, fields) => logger.info(fields ?? {}, message),
    warn: (message, fields) => logger.warn(fields ?? {}, message),
    error: (message, fields) => logger.error(fields ?? {}, message),
    child: (fields) => wrap(logger.child(fields)),
  };
}

/** An error as text: its message, then those of its causes. Stack only for what is not an expected error. */
function describeError(error: unknown): unknown {
  const parts: string[] = [];
  for (let at: unknown = error; at !== undefined && parts.length < 8;) {
    parts.push(at instanceof Error ? at.message : typeof at === "string" ? at : JSON.stringify(at));
    at = at instanceof Error ? at.cause : undefined;
  }
  return parts.join(": ");
}

function forPeople(line: string): string {
  const { ts, level, msg, ...rest } = JSON.parse(line) as Record<string, unknown> & { ts: string; level: string };
  const fields = Object.entries(rest)
    .map(([key, value]) => ` ${key}=${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join("");
  return `${ts.slice(11, 23)} ${level.padEnd(5)} ${String(msg)}${fields}\n`;
}
