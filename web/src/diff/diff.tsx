import type { JSX } from "preact";
export function Diff(): JSX.Element {
  return <div />;
}
