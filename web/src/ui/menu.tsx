/**
 * A button that opens a panel below itself. Escape, a click elsewhere and leaving it by Tab close it; focus goes back to
 * the button. The panel may hold anything (a form, links), so it is a disclosure and not an ARIA menu.
 */
import { useSignal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import { Icon, type IconName } from "./icon.tsx";

export interface MenuProps {
  readonly label: string;
  readonly icon?: IconName;
  readonly bare?: boolean;
  /** Which edge of the button the panel keeps to. */
  readonly align?: "start" | "end";
  readonly children: (close: () => void) => ComponentChildren;
}

export function Menu({ label, icon, bare, align = "start", children }: MenuProps): JSX.Element {
  const open = useSignal(false);
  const root = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const id = useId();

  useEffect(() => {
    if (!open.value) return;
    const onPointer = (event: PointerEvent): void => {
      if (!root.current?.contains(event.target as Node)) open.value = false;
    };
    addEventListener("pointerdown", onPointer);
    return () => removeEventListener("pointerdown", onPointer);
  }, [open.value]);

  const close = (): void => {
    open.value = false;
    button.current?.focus();
  };
  return (
    <div
      class="menu"
      ref={root}
      onKeyDown={(event) => {
        if (event.key !== "Escape" || !open.value) return;
        event.stopPropagation();
        close();
      }}
      onFocusOut={(event) => {
        const next = event.relatedTarget as Node | null;
        if (next && !root.current?.contains(next)) open.value = false;
      }}
    >
      <button
        ref={button}
        type="button"
        class={`button plain${bare ? " bare" : ""}`}
        aria-expanded={open.value}
        aria-controls={open.value ? id : undefined}
        aria-label={bare ? label : undefined}
        title={bare ? label : undefined}
        onClick={() => (open.value = !open.value)}
      >
        {icon && <Icon name={icon} />}
        {!bare && <span>{label}</span>}
        <Icon name="chevron" turned />
      </button>
      {open.value && (
        <div class={`panel ${align}`} id={id}>
          {children(close)}
        </div>
      )}
    </div>
  );
}
