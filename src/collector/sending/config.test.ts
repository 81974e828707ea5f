import { describe, expect, test } from "vitest";
import { defineConfig, mapped, section } from "../config/fields.ts";
import { sendingEntries, sendingSettings, type SendingSettings } from "./config.ts";

const config = defineConfig(mapped(section(sendingEntries()), sendingSettings));

function read(input: unknown): SendingSettings {
  const result = config.parse(input);
  if ("problems" in result) throw new Error(JSON.stringify(result.problems));
  return result.config;
}

function problems(input: unknown): string[] {
  const result = config.parse(input);
  if ("config" in result) throw new Error("expected problems");
  return result.problems.map(({ path, message }) => `${path.join("::")}: ${message}`);
}

describe("the sections that exporters share", () => {
  test.each([[{}], [null], [{ sending_queue: null, retry_on_failure: null, timeout: null }], [{ sending_queue: {} }]])(
    "have upstream's defaults in %j",
    (input) => {
      expect(read(input)).toEqual({
        timeoutMs: 5000,
        queue: {
          consumers: 10,
          capacity: 1000,
          sizer: "requests",
          blockOnOverflow: false,
          waitForResult: false,
          maxBytes: 128 * 1024 * 1024,
        },
        retry: {
          initialIntervalMs: 5000,
          randomizationFactor: 0.5,
          multiplier: 1.5,
          maxIntervalMs: 30_000,
          maxElapsedMs: 300_000,
        },
      });
    },
  );

  test("can be switched off", () => {
    const off = read({ sending_queue: { enabled: false }, retry_on_failure: { enabled: false }, timeout: "0s" });
    expect(off).toEqual({ timeoutMs: 2 ** 31 - 1, queue: undefined, retry: undefined });
  });

  test("are read as upstream writes them", () => {
    const settings = read({
      timeout: "10s",
      sending_queue: {
        num_consumers: 2,
        queue_size: 1_000_000,
        sizer: "bytes",
        block_on_overflow: true,
        storage: "file_storage/a",
      },
      retry_on_failure: { initial_interval: "1s", max_interval: "10s", max_elapsed_time: 0, multiplier: 2 },
    });
    expect(settings.timeoutMs).toBe(10_000);
    expect(settings.queue).toMatchObject({ consumers: 2, capacity: 1e6, sizer: "bytes", storage: "file_storage/a" });
    expect(settings.retry).toMatchObject({ initialIntervalMs: 1000, maxElapsedMs: 0, multiplier: 2 });
  });

  test("explain what does not exist, in one go", () => {
    expect(
      problems({ sending_queue: { batch: {}, queue_sise: 1, num_consumers: 0 }, retry_on_failure: { enabled: "yes" } }),
    ).toEqual([
      "sending_queue::num_consumers: must be at least 1, got 0",
      'sending_queue::batch: "batch" inside sending_queue is not supported yet; put the batch processor into the pipeline',
      'sending_queue::queue_sise: unknown key "queue_sise"; did you mean "queue_size"?',
      'retry_on_failure::enabled: expected true or false, got "yes"',
    ]);
  });

  test("refuse combinations that cannot work", () => {
    expect(problems({ sending_queue: { wait_for_result: true, storage: "file_storage" } })).toEqual([
      "sending_queue::wait_for_result: cannot be combined with storage; remove one of the two",
    ]);
    expect(problems({ retry_on_failure: { max_elapsed_time: "10s" } })).toEqual([
      "retry_on_failure::max_elapsed_time: must be at least max_interval (30000ms), got 10000ms; 0 means no limit",
    ]);
  });
});
