/** Says what the page shows when it isn't this machine, live: recorded data and how to get live, or files. */
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { status } from "../state/server.ts";
import { Button } from "../ui/button.tsx";
import { Prose } from "../ui/prose.tsx";
import { Icon } from "../ui/icon.tsx";

export function Banner(): JSX.Element | null {
  const dismissed = useSignal(false);
  const mode = status.value?.mode;
  const damaged = status.value?.damaged ?? [];
  if (dismissed.value || !mode || (mode.kind !== "recorded" && damaged.length === 0)) return null;
  return (
    <div class="banner" role="status">
      <Icon name="warning" />
      <p>
        {mode.kind === "recorded" && (
          <>
            <strong>Recorded data.</strong> <Prose text={`${mode.reason} ${mode.remedy}`} />
          </>
        )}
        {damaged.length > 0 && (
          <>
            {" "}
            Data that can't be read was set aside: {damaged.slice(0, 3).join(", ")}. Answers say where they have gaps.
          </>
        )}
      </p>
      <Button label="Dismiss" icon="close" bare kind="quiet" onClick={() => (dismissed.value = true)} />
    </div>
  );
}
