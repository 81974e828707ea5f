import type { TimeRange } from "#store";
import { MAX_FOCUS_LEVELS, parseFocusPath } from "../frame-key.ts";
import { QueryError } from "../query-error.ts";
import { parseSelector } from "../selector/parse-selector.ts";
import { type Selection, selectType, splitProcess } from "../questions/selection.ts";
import type { QueryContext } from "../questions/context.ts";
import { parseDuration, parseTime, rangeOf } from "./time.ts";

const MAX_GROUP_LABELS = 8;
const LINK = /^(?:[0-9a-f]{16}|[0-9a-f]{32})$/i;
const MAX_LINKS = 1000;

/** The parameters of one request; each method says what it expects where it doesn't find it. */
export class Parameters {
  readonly #texts: URLSearchParams;
  readonly #now: number;

  constructor(texts: URLSearchParams, now: number) {
    this.#texts = texts;
    this.#now = now;
  }

  /** A parameter that nobody reads would be a selection that isn't made. @throws QueryError "invalid" */
  mustBeOf(known: ReadonlySet<string>): void {
    const wrong = [...this.#texts.keys()].find((name) => !known.has(name));
    if (wrong === undefined) return;
    throw new QueryError(
      "invalid",
      `there is no parameter ${wrong.slice(0, 64)} here`,
      known.size === 0 ? "There are none." : `There are: ${[...known].join(", ")}.`,
    );
  }

  /** Text of a parameter; undefined where it is absent or empty. */
  text(name: string): string | undefined {
    const text = this.#texts.get(name);
    return text === null || text === "" ? undefined : text;
  }

  /** @throws QueryError "invalid" */
  required(name: string, example: string): string {
    const text = this.text(name);
    if (text === undefined) throw new QueryError("invalid", `parameter ${name} is missing`, `Add ${name}=${example}.`);
    return text;
  }

  oneOf<T extends string>(name: string, allowed: readonly T[], otherwise: T): T {
    const text = this.text(name) ?? otherwise;
    const found = allowed.find((value) => value === text);
    if (found !== undefined) return found;
    throw new QueryError(
      "invalid",
      `parameter ${name} can't be ${text.slice(0, 64)}`,
      `It is one of ${allowed.join(", ")}.`,
    );
  }

  /** A whole number. */
  integer(name: string, otherwise: number, least: number, most: number): number {
    const text = this.text(name);
    if (text === undefined) return otherwise;
    const number = Number(text);
    if (/^\d{1,15}$/.test(text) && number >= least && number <= most) return number;
    throw new QueryError(
      "invalid",
      `parameter ${name} can't be ${text.slice(0, 64)}`,
      `It is from ${least} to ${most}.`,
    );
  }

  /** A share, 0…1. */
  share(name: string, otherwise: number): number {
    const text = this.text(name);
    if (text === undefined) return otherwise;
    const number = Number(text);
    if (number >= 0 && number < 1) return number;
    throw new QueryError("invalid", `parameter ${name} can't be ${text.slice(0, 64)}`, "It is a share such as 0.001.");
  }

  /** Milliseconds, more than none. */
  duration(name: string): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const duration = named(name, () => parseDuration(text));
    if (duration > 0) return duration;
    throw new QueryError("invalid", `parameter ${name} can't be ${text.slice(0, 64)}`, "Write 90s, 15m, 1h30m or 7d.");
  }

  /** Milliseconds since 1970. */
  time(name: string): number | undefined {
    const text = this.text(name);
    return text === undefined ? undefined : named(name, () => parseTime(text, this.#now));
  }

  /** Names of labels, given once with commas or several times. Dots become underscores. */
  groupBy(): readonly string[] {
    const names = this.#texts
      .getAll("group_by")
      .flatMap((text) => text.split(","))
      .map((name) => name.trim().replaceAll(".", "_"))
      .filter((name) => name !== "");
    const wrong = names.find((name) => !/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name));
    if (wrong !== undefined) throw new QueryError("invalid", `group_by can't be ${wrong.slice(0, 64)}`, "Name labels.");
    if (names.length > MAX_GROUP_LABELS) {
      throw new QueryError("invalid", `group_by has more than ${MAX_GROUP_LABELS} labels`, "Name fewer.");
    }
    return [...new Set(names)];
  }

  /** Keys of the frames on the way to the node that is asked for; undefined for the whole graph. */
  focus(): readonly string[] | undefined {
    const text = this.text("focus");
    if (text === undefined) return undefined;
    const path = parseFocusPath(text);
    if (path) return path;
    const remedy = `It is up to ${MAX_FOCUS_LEVELS} keys of frames, 8 hexadecimal digits each, with dots between.`;
    throw new QueryError("invalid", `parameter focus can't be ${text.slice(0, 64)}`, remedy);
  }

  /** @param prefix e.g. `other_`; where a parameter is absent that of the first selection counts */
  range(prefix = ""): TimeRange {
    const time = (name: string): number | undefined =>
      this.text(prefix + name) === undefined ? this.time(name) : this.time(prefix + name);
    return rangeOf(time("from"), time("to"), this.#now);
  }

  /** The samples that a request is about. */
  async selection(context: QueryContext, prefix = ""): Promise<Selection> {
    const range = this.range(prefix);
    // What was left out of the second selection is as in the first, but an empty query is one.
    const query = this.#texts.get(`${prefix}query`) ?? this.#texts.get("query") ?? "";
    return {
      ...splitProcess(parseSelector(query)),
      range,
      type: await selectType(context, this.text("type"), range),
      links: this.#links(),
    };
  }

  #links(): readonly string[] | undefined {
    const links = this.#texts
      .getAll("link")
      .flatMap((text) => text.split(","))
      .filter((text) => text !== "");
    if (links.length === 0) return undefined;
    const wrong = links.find((link) => !LINK.test(link));
    if (wrong !== undefined || links.length > MAX_LINKS) {
      const what = wrong === undefined ? `${links.length} links` : wrong.slice(0, 64);
      throw new QueryError("invalid", `link can't be ${what}`, "A span has 16 hexadecimal digits, a trace 32.");
    }
    return links.map((link) => link.toLowerCase());
  }
}

/** What can't be parsed is said to be of that parameter. */
function named<T>(name: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof QueryError)) throw error;
    throw new QueryError(error.kind, `parameter ${name} is ${error.message}`, error.remedy, { cause: error });
  }
}
