/** A component that is a chunk of its own, fetched when it's first shown. */
import { signal } from "@preact/signals";
import type { ComponentType, JSX } from "preact";
import { ApiError } from "../api/client.ts";
import { Failed } from "./states.tsx";

/** @param fetchChunk a dynamic import of a module whose default export is the component */
export function lazy<P extends object>(
  fetchChunk: () => Promise<{ readonly default: ComponentType<P> }>,
): (props: P) => JSX.Element {
  const loaded = signal<ComponentType<P> | undefined>(undefined);
  const failed = signal<ApiError | undefined>(undefined);
  let begun = false;
  const begin = (): void => {
    begun = true;
    failed.value = undefined;
    fetchChunk().then(
      (chunk) => (loaded.value = chunk.default),
      (cause: unknown) => {
        const remedy = "Reload the page: podflame may have been updated since it was opened.";
        failed.value = new ApiError("unreachable", "A part of the page can't be loaded.", remedy, { cause });
      },
    );
  };
  return function Lazy(props) {
    if (!begun) begin();
    const Component = loaded.value;
    if (failed.value) return <Failed error={failed.value} onRetry={begin} />;
    return Component ? <Component {...props} /> : <div class="state" role="status" />;
  };
}
