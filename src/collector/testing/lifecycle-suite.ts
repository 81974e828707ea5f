import { describe, expect, test } from "vitest";
import type { AnyFactory, Component } from "../component.ts";
import { RecordingConsumer, testContext, type TestContext } from "./context.ts";
import { SIGNALS } from "#otlp";

/** A configuration that the component must take: what stands behind its id in YAML, as plain values. */
export interface LifecycleCase {
  readonly name: string;
  /** Use port 0 and temporary folders, so that cases don't meet. */
  readonly config: unknown;
}

/**
 * What every component promises, whatever it does: it is made, started and stopped in any sensible order, ends what it
 * began, and leaves no socket, server, watcher or child behind. Call it in the component's test file.
 */
export function lifecycleSuite(factory: AnyFactory, cases: readonly LifecycleCase[]): void {
  describe(`lifecycle of ${factory.kind} ${factory.type}`, () => {
    test("names its stability for at least one signal, or is an extension", () => {
      if (factory.kind !== "extension") expect(Object.keys(factory.stability)).not.toEqual([]);
    });

    test("reports unknown keys instead of ignoring them", () => {
      const result = factory.config.parse({ no_such_key_anywhere: 1 });
      expect(result).toHaveProperty("problems");
    });

    for (const { name, config } of cases) {
      describe(name, () => {
        test("starts and stops, leaving nothing open", async () => {
          const before = openHandles();
          const { component, context } = make(factory, config);
          await component.start();
          await component.shutdown(soon());
          await context.host.close();
          expect(context.host.fatal).toEqual([]);
          await expect.poll(() => leftover(before, openHandles())).toEqual([]);
        });

        test("stops without having been started", async () => {
          const before = openHandles();
          const { component, context } = make(factory, config);
          await component.shutdown(soon());
          await context.host.close();
          expect(leftover(before, openHandles())).toEqual([]);
        });

        test("stops twice", async () => {
          const { component, context } = make(factory, config);
          await component.start();
          await component.shutdown(soon());
          await component.shutdown(soon());
          await context.host.close();
        });

        test("stops within a deadline that has passed already", async () => {
          const { component, context } = make(factory, config);
          await component.start();
          await component.shutdown(AbortSignal.abort(new Error("deadline passed")));
          await context.host.close();
        });
      });
    }
  });
}

function make(factory: AnyFactory, input: unknown): { component: Component; context: TestContext } {
  const result = factory.config.parse(input);
  if ("problems" in result) throw new Error(`the case's configuration is refused: ${JSON.stringify(result.problems)}`);
  const context = testContext(factory.type);
  return { component: create(factory, context, result.config), context };
}

function create(factory: AnyFactory, context: TestContext, config: unknown): Component {
  const signals = SIGNALS.filter((signal) => factory.stability[signal] !== undefined);
  switch (factory.kind) {
    case "receiver":
      return factory.create(
        context,
        config,
        Object.fromEntries(signals.map((signal) => [signal, new RecordingConsumer()])),
      );
    case "processor":
      return factory.create(context, config, signals[0]!, new RecordingConsumer());
    case "exporter":
    case "extension":
      return factory.create(context, config);
  }
}

function soon(): AbortSignal {
  return AbortSignal.timeout(20_000);
}

/** Kinds of libuv handles that belong to somebody; timers are left out, for the test runner has its own. */
function openHandles(): string[] {
  const owned = /^(TCP|Pipe|UDP|TLS|FSEvent|StatWatcher|Process|Http)/;
  return process.getActiveResourcesInfo().filter((kind) => owned.test(kind));
}

function leftover(before: readonly string[], after: readonly string[]): string[] {
  const known = [...before];
  return after.filter((kind) => {
    const at = known.indexOf(kind);
    if (at >= 0) known.splice(at, 1);
    return at < 0;
  });
}
