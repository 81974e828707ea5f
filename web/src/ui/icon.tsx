/** Icons as inline SVG: drawn on a grid of 16, in the text's colour, silent for screen readers. */
import type { JSX } from "preact";

const PATHS = {
  chevron: "M6 4l4 4-4 4",
  close: "M4 4l8 8M12 4l-8 8",
  search: "M7 11.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9zM10.3 10.3 14 14",
  pause: "M5.5 3.5v9M10.5 3.5v9",
  play: "M5 3.2v9.6l7.5-4.8z",
  share: "M8 10V2M5 4.5 8 1.7l3 2.8M3.5 8v5.5h9V8",
  help: "M6 6a2 2 0 1 1 2.9 1.8c-.6.3-.9.7-.9 1.4M8 12.2v.1",
  sun: "M8 10.8a2.8 2.8 0 1 0 0-5.6 2.8 2.8 0 0 0 0 5.6zM8 1.5v1.3M8 13.2v1.3M1.5 8h1.3M13.2 8h1.3M3.4 3.4l.9.9M11.7 11.7l.9.9M3.4 12.6l.9-.9M11.7 4.3l.9-.9",
  moon: "M13 9.5A5.5 5.5 0 0 1 6.5 3a5.5 5.5 0 1 0 6.5 6.5z",
  clock: "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM8 4.8V8l2.2 1.6",
  warning: "M8 2.2 14.3 13.3H1.7zM8 6.5v3.2M8 11.5v.1",
  panel: "M2.5 3h11v10h-11zM6.5 3v10",
  flip: "M5 3v10M5 13l-2.5-2.5M5 13l2.5-2.5M11 13V3M11 3 8.5 5.5M11 3l2.5 2.5",
  reset: "M3 8a5 5 0 1 0 1.6-3.7M3 2.5v2.8h2.8",
  compare: "M2.5 3h4v10h-4zM9.5 3h4v10h-4z",
  copy: "M5.5 5.5V2.5h8v8h-3M2.5 5.5h8v8h-8z",
  file: "M4 1.8h5l3.5 3.5v9H4zM9 1.8v3.5h3.5",
  download: "M8 2v8M5 7.3 8 10l3-2.7M2.5 13.5h11",
  flame: "M2 3h12v2.6H2zM2 6.7h8v2.6H2zM2 10.4h4.5V13H2z",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, turned = false }: { name: IconName; turned?: boolean }): JSX.Element {
  return (
    <svg class={turned ? "icon turned" : "icon"} viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
      <path
        d={PATHS[name]}
        fill="none"
        stroke="currentColor"
        stroke-width="1.4"
        stroke-linecap="round"
        stroke-linejoin="round"
      />
    </svg>
  );
}
