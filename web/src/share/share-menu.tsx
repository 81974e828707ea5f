import type { JSX } from "preact";
export function ShareMenu(): JSX.Element {
  return <div />;
}
