/**
 * The selector as text, and a way to put it together from the labels that there are. Text is taken with Enter, so that
 * nothing half-typed is asked for.
 */
import { useComputed, useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useId, useMemo } from "preact/hooks";
import type { LabelsAnswer, LabelValuesAnswer } from "../../../src/query/api.ts";
import { getJson } from "../api/client.ts";
import { Loader } from "../state/loading.ts";
import type { Times } from "../state/shown-times.ts";
import { Button } from "../ui/button.tsx";
import { Menu } from "../ui/menu.tsx";

export function SelectorField({
  label,
  query,
  times,
  onChange,
}: {
  readonly label: string;
  readonly query: string;
  readonly times: Times;
  readonly onChange: (query: string) => void;
}): JSX.Element {
  const text = useSignal(query);
  useEffect(() => {
    text.value = query;
  }, [query]);
  return (
    <form
      class="selector"
      onSubmit={(event) => {
        event.preventDefault();
        onChange(text.value.trim());
      }}
    >
      <input
        type="text"
        aria-label={label}
        placeholder="{} everything"
        spellcheck={false}
        autocomplete="off"
        value={text.value}
        onInput={(event) => (text.value = event.currentTarget.value)}
        onBlur={() => text.value.trim() !== query && onChange(text.value.trim())}
      />
      {query !== "" && <Button label="Select everything" icon="close" bare kind="quiet" onClick={() => onChange("")} />}
      <Menu label="Add filter" align="end">
        {(close) => (
          <AddMatcher
            query={query}
            times={times}
            onAdd={(matcher) => {
              onChange(withMatcher(query, matcher));
              close();
            }}
          />
        )}
      </Menu>
    </form>
  );
}

/** The query with one more matcher. */
export function withMatcher(query: string, matcher: string): string {
  const inner = query.trim().replace(/^\{/, "").replace(/\}$/, "").trim().replace(/,$/, "");
  return `{${inner === "" ? "" : `${inner}, `}${matcher}}`;
}

function AddMatcher({
  query,
  times,
  onAdd,
}: {
  readonly query: string;
  readonly times: Times;
  readonly onAdd: (matcher: string) => void;
}): JSX.Element {
  const name = useSignal("");
  const value = useSignal("");
  const id = useId();
  const labels = useMemo(() => new Loader<LabelsAnswer>(), []);
  const values = useMemo(() => new Loader<LabelValuesAnswer>(), []);
  const range = { from: times.from, to: times.to };
  useEffect(() => {
    void labels.load(query, (signal) => getJson("labels", { query, ...range }, { signal }));
    return () => labels.dispose();
  }, [query]);
  const known = useComputed(() => labels.value?.labels ?? []);
  useEffect(() => {
    if (!known.value.includes(name.value)) return;
    const path = `labels/${encodeURIComponent(name.value)}/values`;
    void values.load(`${name.value} ${query}`, (signal) => getJson(path, { query, ...range, limit: 200 }, { signal }));
  }, [name.value, known.value]);
  return (
    <form
      class="add-matcher"
      onSubmit={(event) => {
        event.preventDefault();
        event.stopPropagation();
        if (name.value !== "") onAdd(`${name.value}=${JSON.stringify(value.value)}`);
      }}
    >
      <label>
        Label
        <input list={`${id}-labels`} value={name.value} onInput={(event) => (name.value = event.currentTarget.value)} />
      </label>
      <datalist id={`${id}-labels`}>
        {known.value.map((label) => (
          <option key={label} value={label} />
        ))}
      </datalist>
      <label>
        Value
        <input
          list={`${id}-values`}
          value={value.value}
          onInput={(event) => (value.value = event.currentTarget.value)}
        />
      </label>
      <datalist id={`${id}-values`}>
        {(values.value?.values ?? []).map((each) => (
          <option key={each} value={each} />
        ))}
      </datalist>
      <button type="submit" class="button primary" disabled={name.value === ""}>
        Add
      </button>
    </form>
  );
}
