import { expect, test } from "vitest";
import { ManualClock } from "#telemetry";
import { RecordProgress } from "./progress.ts";

function stream(isTTY: boolean): { isTTY: boolean; written: string[]; write(text: string): void } {
  const written: string[] = [];
  return { isTTY, written, write: (text) => void written.push(text) };
}

test("a terminal shows time and samples in one line, which is gone at the end", async () => {
  const clock = new ManualClock();
  const terminal = stream(true);
  const progress = new RecordProgress(() => ({ samples: 1234, lost: 0 }), 10_000, terminal, clock);
  await clock.advance(1000);
  progress.end();
  await clock.advance(1000);
  expect(terminal.written.slice(1)).toEqual(["\r\x1b[Kpodflame: 1 of 10 s, 1,234 samples; Ctrl-C ends it", "\r\x1b[K"]);
});

test("losses are told while they happen, and no end where a command decides", async () => {
  const clock = new ManualClock();
  const terminal = stream(true);
  const progress = new RecordProgress(() => ({ samples: 10, lost: 3 }), undefined, terminal, clock);
  await clock.advance(500);
  progress.end();
  expect(terminal.written[0]).toBe("\r\x1b[Kpodflame: 0 s, 10 samples, 3 lost; Ctrl-C ends it");
});

test("a file gets nothing", async () => {
  const clock = new ManualClock();
  const file = stream(false);
  const progress = new RecordProgress(() => ({ samples: 10, lost: 0 }), undefined, file, clock);
  await clock.advance(5000);
  progress.end();
  expect(file.written).toEqual([]);
});
