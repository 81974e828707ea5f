/**
 * A YAML scalar that stood alone as `${…}`: its text, and what YAML makes of the text. A string field takes the text
 * (`PASS=0123` stays "0123"), any other field the value. As confmap's expanded values.
 */
export class ExpandedValue {
  readonly value: unknown;
  readonly text: string;

  constructor(value: unknown, text: string) {
    this.value = value;
    this.text = text;
  }
}

/** The value as YAML typed it, for fields that aren't strings. */
export function typedValue(input: unknown): unknown {
  return input instanceof ExpandedValue ? input.value : input;
}
