/** `type` or `type/name`, as components are named in YAML. */
export interface ComponentId {
  /** The factory's own type, also where the YAML used an alias. */
  readonly type: string;
  /** What stands behind the slash; empty without one. */
  readonly name: string;
  /** As written in the YAML; what logs and metrics show. */
  readonly text: string;
}

/** As the Collector has them: a letter, then letters, digits and underscores, at most 63 in all. */
const TYPE = /^[a-zA-Z][0-9a-zA-Z_]{0,62}$/;
/** Anything but separators, control characters and symbols. */
const NAME = /^[^\p{Z}\p{C}\p{S}]{1,1024}$/u;

/**
 * Splits an id as the Collector does: white space around either part doesn't count.
 * @returns the id with `type` as written (see `ComponentCatalog` for aliases), or what is wrong with the text
 */
export function parseComponentId(text: string): ComponentId | { readonly problem: string } {
  const slash = text.indexOf("/");
  const type = (slash < 0 ? text : text.slice(0, slash)).trim();
  const name = slash < 0 ? "" : text.slice(slash + 1).trim();
  if (type === "") return { problem: `id ${JSON.stringify(text)} has no type; write "type" or "type/name"` };
  if (!TYPE.test(type)) {
    return { problem: `id ${JSON.stringify(text)}: a type is a letter followed by letters, digits and underscores` };
  }
  if (slash >= 0 && name === "") return { problem: `id ${JSON.stringify(text)} has no name behind the slash` };
  if (slash >= 0 && !NAME.test(name)) {
    return { problem: `id ${JSON.stringify(text)}: a name holds no spaces, control characters or symbols` };
  }
  return { type, name, text: name === "" ? type : `${type}/${name}` };
}
