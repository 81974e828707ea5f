import { performance, monitorEventLoopDelay, type IntervalHistogram } from "node:perf_hooks";
import type { MetricRegistry } from "#telemetry";
import type { BufferPool } from "#wire";

/**
 * Registers what the process tells of itself, under the Collector's names where it has one. All of it is read when
 * somebody asks; nothing runs in between, but for the event loop's delay once it has been asked for.
 */
export function observeProcess(metrics: MetricRegistry, buffers: BufferPool): void {
  const observe = (name: string, help: string, read: () => number): void => metrics.observe(name, { help }, {}, read);

  observe("otelcol_process_uptime", "Seconds since the process began.", () => process.uptime());
  observe("otelcol_process_cpu_seconds", "CPU time of the process, user and system, in seconds.", () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  });
  observe("otelcol_process_memory_rss", "Resident memory in bytes.", () => process.memoryUsage.rss());
  observe("otelcol_process_runtime_heap_alloc_bytes", "Bytes of live and not yet collected JavaScript objects.", () => {
    return process.memoryUsage().heapUsed;
  });
  observe(
    "otelcol_process_runtime_total_sys_memory_bytes",
    "Bytes that the JavaScript heap has taken from the system, and bytes of buffers outside it.",
    () => {
      const { heapTotal, external } = process.memoryUsage();
      return heapTotal + external;
    },
  );
  observe("podflame_buffer_pool_idle_bytes", "Bytes of message buffers that wait to be used again.", () => {
    return buffers.stats.idleBytes;
  });
  observe("podflame_buffer_pool_leased", "Message buffers that are in use.", () => buffers.stats.leased);
  observeEventLoop(observe);
}

function observeEventLoop(observe: (name: string, help: string, read: () => number) => void): void {
  let lastUtilization = performance.eventLoopUtilization();
  observe("podflame_event_loop_utilization", "Share of the time since the last scrape that the event loop ran.", () => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, lastUtilization);
    lastUtilization = now;
    return Number.isFinite(utilization) ? utilization : 0;
  });
  observe(
    "podflame_event_loop_delay_p99_seconds",
    "99th percentile of the event loop's delay since the last scrape.",
    () => {
      if (!delays) {
        // Ten wake-ups a second; an unobserved process has none.
        delays = monitorEventLoopDelay({ resolution: 100 });
        delays.enable();
        return 0;
      }
      const p99 = delays.count > 0 ? delays.percentile(99) / 1e9 : 0;
      delays.reset();
      // The histogram records the whole interval, of which the resolution is meant.
      return Math.max(0, p99 - 0.1);
    },
  );
}

/** One for the process, for each has a timer of its own. */
let delays: IntervalHistogram | undefined;
