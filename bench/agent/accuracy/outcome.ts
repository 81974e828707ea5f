/** One thing that was checked. */
export interface Outcome {
  readonly what: string;
  readonly found: string;
  readonly wanted: string;
  readonly passed: boolean;
}
