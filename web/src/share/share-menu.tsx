/** The link to just this, and what is shown as a file. Works over plain HTTP; nothing is sent anywhere. */
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { shownGraph } from "../graph/shown-graph.ts";
import { fixedAddress, page } from "../state/page.ts";
import { announce } from "../ui/announcement.tsx";
import { Button } from "../ui/button.tsx";
import { Menu } from "../ui/menu.tsx";
import { copyText } from "./clipboard.ts";
import { type Download, downloadsOf } from "./downloads.ts";

export function ShareMenu(): JSX.Element {
  return (
    <Menu label="Share" icon="share" align="end">
      {(close) => <Sharing onDone={close} />}
    </Menu>
  );
}

function Sharing({ onDone }: { readonly onDone: () => void }): JSX.Element {
  const field = useRef<HTMLInputElement>(null);
  const fixed = useSignal(true);
  const { view } = page.value;
  const graph = shownGraph.value;
  const link = fixed.value ? fixedAddress() : location.href;
  useEffect(() => {
    field.current?.focus();
    field.current?.select();
  }, []);
  return (
    <div class="share-menu stack">
      <label>
        Link to what you see
        <input ref={field} readOnly value={link} onFocus={(event) => event.currentTarget.select()} />
      </label>
      <label class="check">
        <input
          type="checkbox"
          checked={fixed.value}
          onChange={(event) => (fixed.value = event.currentTarget.checked)}
        />
        These very minutes, also when it is opened later
      </label>
      <Button
        label="Copy link"
        icon="copy"
        kind="primary"
        onClick={() =>
          void copyText(link).then((copied) => {
            announce(copied ? "Link copied." : "The browser refuses to copy: the link is selected, press Ctrl+C.");
            if (copied) onDone();
          })
        }
      />
      {view === "files" && <p class="muted">Files stay in this browser: a link opens the page without them.</p>}
      {graph && (
        <>
          <h3>Save as</h3>
          <div class="downloads">
            {downloadsOf(graph, page.value).map((download) => (
              <DownloadButton key={download.label} download={download} onDone={onDone} />
            ))}
          </div>
        </>
      )}
    </div>
  );
}

function DownloadButton({
  download,
  onDone,
}: {
  readonly download: Download;
  readonly onDone: () => void;
}): JSX.Element {
  if ("url" in download) {
    return (
      <a class="button plain" href={download.url} download="" onClick={onDone}>
        {download.label}
      </a>
    );
  }
  return (
    <Button
      label={download.label}
      onClick={() =>
        void download
          .save()
          .then(onDone, (error: unknown) => announce(error instanceof Error ? error.message : String(error)))
      }
    />
  );
}
