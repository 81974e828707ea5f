/** `type` or `type/name`, as components are named in YAML. */
export interface ComponentId {
  /** The factory's own type, also where the YAML used an alias. */
  readonly type: string;
  /** What stands behind the slash; empty without one. */
  readonly name: string;
  /** As written in the YAML; what logs and metrics show. */
  readonly text: string;
}
