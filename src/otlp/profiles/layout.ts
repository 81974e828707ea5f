/**
 * The wire layouts of OTLP profiles by their first release: E is 1.3 (package `v1experimental`), D4 1.4, … D10 1.10,
 * 1.11 and whatever follows until a field moves again. Releases in between changed nothing on the wire.
 */
export const LAYOUTS = ["E", "D4", "D5", "D6", "D7", "D8", "D9", "D10"] as const;
export type Layout = (typeof LAYOUTS)[number];

/** Releases of opentelemetry-proto that have the layout, for people. */
export const LAYOUT_RELEASES: Readonly<Record<Layout, string>> = {
  E: "1.3",
  D4: "1.4",
  D5: "1.5",
  D6: "1.6",
  D7: "1.7",
  D8: "1.8",
  D9: "1.9",
  D10: "1.10, 1.11",
};

/** Position of a layout in time: `order(a) < order(b)` means that `a` is older. */
export function layoutOrder(layout: Layout): number {
  return LAYOUTS.indexOf(layout);
}
