/**
 * What component tests stand on: a context whose clock the test moves, whose logs and metrics it reads, and a consumer
 * that keeps what it was given.
 */
import { BufferPool, MessageBuffer } from "#wire";
import { INTERNAL_ORIGIN, Payload, type Origin, type Signal } from "#otlp";
import { ManualClock, MetricRegistry, type LogFields, type Logger, type LogLevel } from "#telemetry";
import { parseComponentId } from "../component-id.ts";
import type { ComponentContext, Consumer, Host, HostKey } from "../component.ts";

/** One line that was logged. */
export interface LogLine {
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: LogFields;
}

/** A logger that keeps its lines; children write to the same list. */
export class RecordingLogger implements Logger {
  readonly lines: LogLine[];
  readonly #fields: LogFields;

  constructor(lines: LogLine[] = [], fields: LogFields = {}) {
    this.lines = lines;
    this.#fields = fields;
  }

  debug(message: string, fields?: LogFields): void {
    this.#keep("debug", message, fields);
  }
  info(message: string, fields?: LogFields): void {
    this.#keep("info", message, fields);
  }
  warn(message: string, fields?: LogFields): void {
    this.#keep("warn", message, fields);
  }
  error(message: string, fields?: LogFields): void {
    this.#keep("error", message, fields);
  }
  child(fields: LogFields): Logger {
    return new RecordingLogger(this.lines, { ...this.#fields, ...fields });
  }

  /** The messages of a level, or of all. */
  messages(level?: LogLevel): string[] {
    return this.lines.filter((line) => level === undefined || line.level === level).map((line) => line.message);
  }

  #keep(level: LogLevel, message: string, fields: LogFields = {}): void {
    this.lines.push({ level, message, fields: { ...this.#fields, ...fields } });
  }
}

/** A host that keeps services and fatal errors for the test to look at. `close` shuts the services down. */
export class TestHost implements Host {
  readonly fatal: Error[] = [];
  readonly #services = new Map<string, { shutdown?(deadline: AbortSignal): Promise<void> }>();

  service<T>(key: HostKey<T>, create: () => T & { shutdown?(deadline: AbortSignal): Promise<void> }): T {
    let service = this.#services.get(key.name) as ReturnType<typeof create> | undefined;
    if (!service) this.#services.set(key.name, (service = create()) as object);
    return service;
  }

  reportFatal(error: Error): void {
    this.fatal.push(error);
  }

  async close(): Promise<void> {
    for (const service of [...this.#services.values()].reverse()) await service.shutdown?.(AbortSignal.timeout(2000));
    this.#services.clear();
  }
}

/** A component's context with its parts in their test form. */
export interface TestContext extends ComponentContext {
  readonly clock: ManualClock;
  readonly metrics: MetricRegistry;
  readonly logger: RecordingLogger;
  readonly host: TestHost;
}

/** Makes a context for the component `id`; parts that are given are used in place of new ones. */
export function testContext(
  id: string,
  parts: Partial<Pick<TestContext, "clock" | "metrics" | "logger" | "host" | "buffers">> = {},
): TestContext {
  const parsed = parseComponentId(id);
  if ("problem" in parsed) throw new Error(parsed.problem);
  const clock = parts.clock ?? new ManualClock();
  const metrics = parts.metrics ?? new MetricRegistry();
  const logger = parts.logger ?? new RecordingLogger();
  return {
    id: parsed,
    telemetry: { logger, metrics, clock },
    buffers: parts.buffers ?? new BufferPool(),
    host: parts.host ?? new TestHost(),
    clock,
    metrics,
    logger,
  };
}

/** What a `RecordingConsumer` kept of a payload: a copy, valid for ever. */
export interface RecordedPayload {
  readonly signal: Signal;
  readonly bytes: Uint8Array;
  readonly origin: Origin;
}

/** Keeps copies of what it is given. `answer` decides the outcome: throw to reject, return a promise to let wait. */
export class RecordingConsumer implements Consumer {
  readonly received: RecordedPayload[] = [];
  answer: (payload: Payload) => void | Promise<void> = () => undefined;
  #waiting: { count: number; resolve: () => void }[] = [];

  async consume(payload: Payload): Promise<void> {
    this.received.push({ signal: payload.signal, bytes: payload.bytes.slice(), origin: payload.origin });
    this.#waiting = this.#waiting.filter(({ count, resolve }) => {
      if (this.received.length < count) return true;
      resolve();
      return false;
    });
    await this.answer(payload);
  }

  /** Resolves once `count` payloads have arrived, counted from the beginning. */
  arrived(count: number): Promise<void> {
    if (this.received.length >= count) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ count, resolve }));
  }
}

/** A payload of its own buffer, holding a copy of `bytes`. */
export function testPayload(signal: Signal, bytes: Uint8Array, origin: Origin = INTERNAL_ORIGIN): Payload {
  return new Payload(signal, MessageBuffer.copyOf(bytes), origin);
}
