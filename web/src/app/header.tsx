/** Where one is, what is measured, and when. */
import type { JSX } from "preact";
import { ShareMenu } from "../share/share-menu.tsx";
import { live, navigate, page, togglePaused } from "../state/page.ts";
import type { View } from "../state/page-state.ts";
import { profileTypes } from "../state/server.ts";
import { switchTheme, theme } from "../state/theme.ts";
import { Button } from "../ui/button.tsx";
import { RangePicker } from "./range-picker.tsx";

const PLACES: readonly { readonly view: View; readonly label: string }[] = [
  { view: "explore", label: "Explore" },
  { view: "diff", label: "Compare" },
  { view: "heatmap", label: "Heat map" },
  { view: "unattributed", label: "Unattributed" },
  { view: "files", label: "Files" },
];

export function Header({ onHelp }: { readonly onHelp: () => void }): JSX.Element {
  const { view, from, to } = page.value;
  return (
    <header class="top">
      <a class="brand" href="./" aria-label="podflame, start page">
        <img src="./icon.svg" alt="" width="24" height="24" />
        <span>podflame</span>
      </a>
      <nav class="places" aria-label="Views">
        {PLACES.map((place) => (
          <button
            key={place.view}
            type="button"
            aria-current={place.view === view ? "page" : undefined}
            onClick={() => navigate({ view: place.view })}
          >
            {place.label}
          </button>
        ))}
      </nav>
      {view !== "files" && (
        <div class="asked">
          <TypeField />
          {view !== "diff" && (
            <>
              <RangePicker times={{ from, to }} onChange={(times) => navigate(times)} />
              <LiveSwitch />
            </>
          )}
        </div>
      )}
      <div class="tools">
        <ShareMenu />
        <Button
          label={theme.value === "dark" ? "Light colours" : "Dark colours"}
          icon={theme.value === "dark" ? "sun" : "moon"}
          bare
          kind="quiet"
          onClick={switchTheme}
        />
        <Button label="Keys and help" icon="help" bare kind="quiet" shortcut="?" onClick={onHelp} />
      </div>
    </header>
  );
}

/** Live with a sign of life, or paused: one button that says which and changes it. */
function LiveSwitch(): JSX.Element {
  return (
    <Button
      label={live.value ? "Live" : "Paused"}
      icon={live.value ? "pause" : "play"}
      pressed={live.value}
      onClick={togglePaused}
    >
      {live.value && <span class="pulse" aria-hidden="true" />}
    </Button>
  );
}

function TypeField(): JSX.Element {
  const { type } = page.value;
  const known = profileTypes.value?.types.map(({ id }) => id) ?? [];
  const ids = known.includes(type) ? known : [type, ...known];
  return (
    <select
      aria-label="Profile type"
      value={type}
      onChange={(event) => navigate({ type: event.currentTarget.value, zoom: "" })}
    >
      {ids.map((id) => (
        <option key={id} value={id}>
          {sayType(id)}
        </option>
      ))}
    </select>
  );
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  cpu: "CPU",
  off_cpu: "Off-CPU",
  alloc_space: "Allocated bytes",
  alloc_objects: "Allocated objects",
  inuse_space: "Bytes in use",
  inuse_objects: "Objects in use",
};

function sayType(id: string): string {
  return TYPE_NAMES[id] ?? id;
}
