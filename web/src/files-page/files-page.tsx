import type { JSX } from "preact";
export function Files(): JSX.Element {
  return <div />;
}
