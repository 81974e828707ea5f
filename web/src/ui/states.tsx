/** What stands where an answer isn't: it's coming, there is nothing, it failed. Each says what can be done. */
import { useSignal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";
import { useEffect } from "preact/hooks";
import type { ApiError } from "../api/client.ts";
import { formatBytes } from "../format/quantities.ts";
import type { Loader, Loading } from "../state/loading.ts";
import { Button } from "./button.tsx";
import { Prose } from "./prose.tsx";
import { Icon } from "./icon.tsx";

/** Answers faster than this show nothing in between. */
const PATIENCE_MS = 300;

/** Time since a request began, what has arrived, and a way out. */
export function Waiting({
  what,
  since,
  received,
  onCancel,
}: {
  readonly what: string;
  readonly since: number;
  readonly received: number;
  readonly onCancel: () => void;
}): JSX.Element {
  const now = useSignal(performance.now());
  useEffect(() => {
    const timer = setInterval(() => (now.value = performance.now()), 100);
    return () => clearInterval(timer);
  }, []);
  const waited = now.value - since;
  if (waited < PATIENCE_MS) return <div class="state" />;
  return (
    <div class="state" role="status">
      <div class="progress" aria-hidden="true" />
      <p>
        Loading {what}… <span class="number">{(waited / 1000).toFixed(1)} s</span>
        {received > 0 && `, ${formatBytes(received)}`}
      </p>
      <Button label="Cancel" onClick={onCancel} />
    </div>
  );
}

/** @param title one sentence; children say what to do */
export function Empty({
  title,
  children,
}: {
  readonly title: string;
  readonly children?: ComponentChildren;
}): JSX.Element {
  return (
    <div class="state">
      <h2>{title}</h2>
      {children}
    </div>
  );
}

export function Failed({ error, onRetry }: { readonly error: ApiError; readonly onRetry?: () => void }): JSX.Element {
  return (
    <div class="state" role="alert">
      <Icon name="warning" />
      <h2>{error.message}</h2>
      {error.remedy !== "" && (
        <p>
          <Prose text={error.remedy} />
        </p>
      )}
      {onRetry && <Button label="Try again" kind="primary" onClick={onRetry} />}
    </div>
  );
}

/** The answer of a loader, or the state that it is in. */
export function Answer<T>({
  loader,
  what,
  children,
}: {
  readonly loader: Loader<T>;
  /** As in "Loading … ". */
  readonly what: string;
  readonly children: (value: T) => ComponentChildren;
}): JSX.Element {
  const state: Loading<T> = loader.state.value;
  const retry = (): void => void loader.again();
  switch (state.kind) {
    case "idle":
      return <div class="state" />;
    case "ready":
      return <>{children(state.value)}</>;
    case "cancelled":
      return (
        <Empty title="Cancelled.">
          <Button label="Load again" onClick={retry} />
        </Empty>
      );
    case "loading":
      if (state.previous !== undefined) return <>{children(state.previous)}</>;
      return <Waiting what={what} since={state.since} received={state.received} onCancel={() => loader.cancel()} />;
    case "failed":
      if (state.previous === undefined) return <Failed error={state.error} onRetry={retry} />;
      return (
        <>
          <p class="notice" role="alert">
            <Icon name="warning" />
            <span>
              {state.error.message} {state.error.remedy} What you see is older.
            </span>
            <Button label="Try again" onClick={retry} />
          </p>
          {children(state.previous)}
        </>
      );
  }
}
