/** What has no name yet, how much it is, why, and what to do about it. */
import type { JSX } from "preact";
import { useEffect, useMemo } from "preact/hooks";
import type { UnattributedAnswer } from "../../../src/query/api.ts";
import { getJson } from "../api/client.ts";
import { formatCount, formatShare, formatValue } from "../format/quantities.ts";
import { formatTime } from "../format/times.ts";
import { Loader } from "../state/loading.ts";
import { navigate, page, tick } from "../state/page.ts";
import { profileType } from "../state/server.ts";
import { Prose } from "../ui/prose.tsx";
import { Answer, Empty } from "../ui/states.tsx";

type Row = UnattributedAnswer["rows"][number];

export function Unattributed(): JSX.Element {
  const { from, to, type } = page.value;
  const tickNow = tick.value;
  const loader = useMemo(() => new Loader<UnattributedAnswer>(), []);
  useEffect(
    () =>
      void loader.load(`${from} ${to} ${type}`, (signal) => getJson("unattributed", { from, to, type }, { signal })),
    [from, to, type, tickNow],
  );
  return (
    <section class="page unattributed">
      <h1>Unattributed</h1>
      <p class="lead">
        Samples whose container or process has no name yet. Names join when a question is asked: once the cause is gone,
        the past is named as well.
      </p>
      <Answer loader={loader} what="what is unattributed">
        {(answer) => (answer.rows.length === 0 ? <Everything /> : <Reasons answer={answer} />)}
      </Answer>
    </section>
  );
}

function Everything(): JSX.Element {
  return (
    <Empty title="Everything is attributed.">
      <p>All samples of this time belong to a known container, a host process or the kernel.</p>
    </Empty>
  );
}

function Reasons({ answer }: { readonly answer: UnattributedAnswer }): JSX.Element {
  const unit = profileType.value?.unit ?? "nanoseconds";
  const total = answer.coverage.total;
  const groups = groupByReason(answer.rows);
  return (
    <>
      {groups.map(({ reason, remedy, rows, value, samples }) => (
        <section key={reason} class="reason">
          <header>
            <h2>{reason}</h2>
            <p class="number">
              <strong>{formatShare(total > 0 ? value / total : 0)}</strong> · {formatCount(samples)} samples
            </p>
          </header>
          {remedy !== "" && (
            <p class="remedy">
              <Prose text={remedy} />
            </p>
          )}
          <table>
            <thead>
              <tr>
                <th scope="col">What</th>
                <th scope="col" class="number">
                  Samples
                </th>
                <th scope="col" class="number">
                  Time
                </th>
                <th scope="col" class="number">
                  Share
                </th>
                <th scope="col" class="number">
                  Last seen
                </th>
              </tr>
            </thead>
            <tbody>
              {rows.map((row) => (
                <tr key={row.what}>
                  <th scope="row">
                    {row.query === "" ? (
                      <code>{row.what}</code>
                    ) : (
                      <button
                        type="button"
                        class="link"
                        title="Show its flame graph"
                        onClick={() => navigate({ view: "explore", query: row.query, zoom: "" })}
                      >
                        <code>{row.what}</code>
                      </button>
                    )}
                  </th>
                  <td class="number">{formatCount(row.samples)}</td>
                  <td class="number">{formatValue(row.value, unit)}</td>
                  <td class="number">{formatShare(total > 0 ? row.value / total : 0)}</td>
                  <td class="number">{formatTime(row.lastSeen)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      ))}
    </>
  );
}

interface ReasonGroup {
  readonly reason: string;
  readonly remedy: string;
  readonly rows: readonly Row[];
  readonly value: number;
  readonly samples: number;
}

/** Heaviest first. */
function groupByReason(rows: readonly Row[]): readonly ReasonGroup[] {
  const sum = (of: readonly Row[], number: (row: Row) => number): number =>
    of.reduce((total, row) => total + number(row), 0);
  return [...Map.groupBy(rows, ({ reason }) => reason)]
    .map(([reason, group]) => ({
      reason,
      remedy: group[0]!.remedy,
      rows: group.toSorted((a, b) => b.value - a.value),
      value: sum(group, ({ value }) => value),
      samples: sum(group, ({ samples }) => samples),
    }))
    .sort((a, b) => b.value - a.value);
}
