/** Buttons. All are real ones, so that they take focus, Enter and Space by themselves. */
import type { ComponentChildren, JSX } from "preact";
import { Icon, type IconName } from "./icon.tsx";

export interface ButtonProps {
  readonly label: string;
  readonly icon?: IconName;
  /** Only the icon is seen; the label is its name and tooltip. */
  readonly bare?: boolean;
  /** Characters instead of an icon, for a bare button. */
  readonly glyph?: string;
  readonly onClick: () => void;
  /** For what can be on or off. */
  readonly pressed?: boolean;
  readonly disabled?: boolean;
  readonly kind?: "plain" | "primary" | "quiet";
  /** Key that does the same, shown in the tooltip. */
  readonly shortcut?: string;
  readonly children?: ComponentChildren;
}

export function Button(props: ButtonProps): JSX.Element {
  const { label, icon, glyph, onClick, pressed, disabled, kind = "plain", shortcut, children } = props;
  const bare = props.bare === true || glyph !== undefined;
  const hint = shortcut === undefined ? label : `${label} (${shortcut})`;
  return (
    <button
      type="button"
      class={`button ${kind}${bare ? " bare" : ""}`}
      title={bare || shortcut !== undefined ? hint : undefined}
      aria-label={bare ? label : undefined}
      aria-pressed={pressed}
      aria-keyshortcuts={shortcut}
      disabled={disabled}
      onClick={onClick}
    >
      {icon && <Icon name={icon} />}
      {glyph !== undefined && <code aria-hidden="true">{glyph}</code>}
      {!bare && <span>{label}</span>}
      {children}
    </button>
  );
}

export interface SegmentedProps<T extends string> {
  readonly label: string;
  readonly options: readonly { readonly value: T; readonly label: string; readonly icon?: IconName }[];
  readonly value: T;
  readonly onChange: (value: T) => void;
}

/** One of a few, all seen. */
export function Segmented<T extends string>({ label, options, value, onChange }: SegmentedProps<T>): JSX.Element {
  return (
    <div class="segmented" role="group" aria-label={label}>
      {options.map((option) => (
        <button
          key={option.value}
          type="button"
          aria-pressed={option.value === value}
          onClick={() => onChange(option.value)}
        >
          {option.icon && <Icon name={option.icon} />}
          {option.label}
        </button>
      ))}
    </div>
  );
}
