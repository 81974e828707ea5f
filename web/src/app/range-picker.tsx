/** From when to when: the last minutes, live, or two points in time. */
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { formatRange, formatSpan, resolveTime, toInputTime } from "../format/times.ts";
import type { Times } from "../state/shown-times.ts";
import { Button } from "../ui/button.tsx";
import { Menu } from "../ui/menu.tsx";

const PRESETS = ["5m", "15m", "1h", "6h", "24h", "7d"] as const;

/** How a range is said in the page: `Last 15 min`, or from when to when. */
export function sayRange({ from, to }: Times): string {
  const now = Date.now();
  const [start, end] = [resolveTime(from, now) ?? now, resolveTime(to, now) ?? now];
  if (to === "now") return `Last ${formatSpan(end - start)}`;
  if (to.startsWith("now")) return `${formatSpan(end - start)} until ${formatSpan(now - end)} ago`;
  return formatRange(start, end, now);
}

export function RangePicker({
  times,
  onChange,
}: {
  readonly times: Times;
  readonly onChange: (times: Times) => void;
}): JSX.Element {
  return (
    <Menu label={sayRange(times)} icon="clock" align="end">
      {(close) => (
        <>
          <div class="presets" role="group" aria-label="Until now">
            {PRESETS.map((length) => (
              <Button
                key={length}
                label={`Last ${formatSpan(Date.now() - resolveTime(`now-${length}`, Date.now())!)}`}
                pressed={times.to === "now" && times.from === `now-${length}`}
                onClick={() => {
                  onChange({ from: `now-${length}`, to: "now" });
                  close();
                }}
              />
            ))}
          </div>
          <AbsoluteRange
            times={times}
            onChange={(next) => {
              onChange(next);
              close();
            }}
          />
        </>
      )}
    </Menu>
  );
}

function AbsoluteRange({
  times,
  onChange,
}: {
  readonly times: Times;
  readonly onChange: (times: Times) => void;
}): JSX.Element {
  const now = Date.now();
  const from = useSignal(toInputTime(resolveTime(times.from, now) ?? now));
  const to = useSignal(toInputTime(resolveTime(times.to, now) ?? now));
  const problem = useSignal("");
  return (
    <form
      class="absolute"
      onSubmit={(event) => {
        event.preventDefault();
        const [start, end] = [Date.parse(from.value), Date.parse(to.value)];
        if (!(start < end)) {
          problem.value = "The start has to lie before the end.";
          return;
        }
        onChange({ from: String(start), to: String(end) });
      }}
    >
      <label>
        From
        <input
          type="datetime-local"
          step="1"
          value={from.value}
          onInput={(e) => (from.value = e.currentTarget.value)}
        />
      </label>
      <label>
        To
        <input type="datetime-local" step="1" value={to.value} onInput={(e) => (to.value = e.currentTarget.value)} />
      </label>
      {problem.value !== "" && <p role="alert">{problem.value}</p>}
      <button type="submit" class="button primary">
        Show
      </button>
    </form>
  );
}
