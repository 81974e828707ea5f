import type { ProfileRecord, ProfilesModel, ValueTypeRecord } from "#otlp";
import type { LoadedProfiles } from "../input/load-profiles.ts";
import { layoutTitle } from "../input/layout-option.ts";
import { FindingSums } from "./finding-sums.ts";
import { modelResources } from "./model-resources.ts";
import { resourceTitle, scopeTitle } from "./resource-title.ts";
import { type Part, PARTS, partSizes } from "./table-sizes.ts";
import { type Table, TABLES, tableUsage } from "./table-usage.ts";
import { counted, printable, showBytes, showCount, tableLines, type Cell } from "./text-table.ts";
import { showDuration, showSpan } from "./time.ts";
import { TopFunctions } from "./top-functions.ts";

/** Bytes of requests whose unused and duplicate entries are counted, which takes longer than all else: the first ones. */
const USAGE_BYTES = 8 << 20;
/** Lines of a list before it is cut off. */
const MOST_RESOURCES = 20;
/** Resources that are told apart; a stream of months may have any number. */
const MOST_RESOURCES_KEPT = 10_000;
const MOST_FUNCTIONS = 15;
const MOST_EVIDENCE = 4;

/** What is told about a file with any number of requests: adds one after the other, keeps sums only. */
export class FileReport {
  readonly #file: string;
  #requests = 0;
  #requestsWithUsage = 0;
  #problems = 0;
  #bytes = 0;
  #lostProfiles = 0;
  #lostSamples = 0;
  readonly #wrapping = new Set<string>();
  readonly #sources = new Map<string, { count: number; readonly evidence: Set<string> }>();
  readonly #resources = new Map<string, ResourceSums>();
  readonly #counts = { scopes: 0, profiles: 0, samples: 0, timestamps: 0, stacks: 0 };
  readonly #functions = new TopFunctions();
  readonly #findings = new FindingSums();
  readonly #sizes = new Map<Part, number>();
  readonly #tables = new Map<Table, { entries: number; unused: number; duplicates: number }>();

  constructor(file: string) {
    this.#file = file;
  }

  add(loaded: LoadedProfiles): void {
    const { model, request } = loaded;
    this.#requests++;
    this.#bytes += request.framedBytes;
    if (request.wrapping.length > 0) this.#wrapping.add(request.wrapping.join(", "));
    this.#addSource(loaded);
    this.#lostProfiles += model.lostProfiles;
    this.#addResources(model);
    this.#counts.stacks += Math.max(0, model.dictionary.stacks.length - 1);
    this.#functions.add(model);
    this.#findings.add(model.findings, request.place);
    this.#addTables(loaded);
  }

  /** A part of the file that could not be had; it was told already. */
  addProblem(): void {
    this.#problems++;
  }

  /** Nothing of the file could be read. */
  get empty(): boolean {
    return this.#requests === 0;
  }

  lines(): string[] {
    const sections = [this.#head(), this.#resourceLines(), this.#functionLines(), this.#tableLines(), this.#oddities()];
    return sections
      .filter((section) => section.length > 0)
      .flatMap((section, index) => (index === 0 ? section : ["", ...section]));
  }

  #addSource({ source }: LoadedProfiles): void {
    const title =
      source.kind === "otlp"
        ? `OTLP/${source.encoding}, layout ${layoutTitle(source.detection.layout)}, ${source.detection.confidence}`
        : source.format.title;
    let known = this.#sources.get(title);
    if (!known) this.#sources.set(title, (known = { count: 0, evidence: new Set() }));
    known.count++;
    if (source.kind !== "otlp") return;
    for (const reason of source.detection.evidence) if (known.evidence.size < 64) known.evidence.add(reason);
  }

  #addResources(model: ProfilesModel): void {
    for (const [index, { attributes, scopes }] of modelResources(model).entries()) {
      let title = resourceTitle(attributes);
      if (this.#resources.size >= MOST_RESOURCES_KEPT && !this.#resources.has(title)) title = "(other resources)";
      let sums = this.#resources.get(title);
      if (!sums) this.#resources.set(title, (sums = new ResourceSums()));
      for (const [at, scope] of model.resources[index]!.scopes.entries()) {
        this.#counts.scopes++;
        const name = scopeTitle(scopes[at]!);
        for (const profile of scope.profiles) {
          this.#counts.profiles++;
          this.#counts.samples += profile.samples.length;
          this.#counts.timestamps += profile.samples.timestamps.length;
          this.#lostSamples += profile.lostSamples;
          sums.add(profile, name, model);
        }
      }
    }
  }

  #addTables({ model, source }: LoadedProfiles): void {
    const usage = this.#requests === 1 || this.#bytes <= USAGE_BYTES ? tableUsage(model) : undefined;
    if (usage) this.#requestsWithUsage++;
    for (const table of TABLES) {
      const sums = this.#tables.get(table) ?? { entries: 0, unused: 0, duplicates: 0 };
      sums.entries += Math.max(0, model.dictionary[table].length - 1);
      sums.unused += usage?.[table].unused ?? 0;
      sums.duplicates += usage?.[table].duplicates ?? 0;
      this.#tables.set(table, sums);
    }
    if (source.kind !== "otlp" || source.encoding !== "protobuf") return;
    const sizes = partSizes(source.bytes, model.layout);
    for (const part of PARTS) this.#sizes.set(part, (this.#sizes.get(part) ?? 0) + sizes[part]);
  }

  #head(): string[] {
    const around = [...this.#wrapping];
    const within = around.length === 0 ? "" : ` (${around.slice(0, 3).join("; ")}${around.length > 3 ? "; …" : ""})`;
    const unread = this.#problems === 0 ? "" : `, ${this.#problems} more could not be read`;
    const lines = [`${this.#file}: ${counted(this.#requests, "request")}, ${showBytes(this.#bytes)}${within}${unread}`];
    for (const [title, { count, evidence }] of this.#sources) {
      lines.push(this.#sources.size === 1 ? title : `${title}: ${counted(count, "request")}`);
      const reasons = [...evidence];
      for (const reason of reasons.slice(0, MOST_EVIDENCE)) lines.push(`  because: ${reason}`);
      if (reasons.length > MOST_EVIDENCE) lines.push(`  … and ${reasons.length - MOST_EVIDENCE} more reasons`);
    }
    const { scopes, profiles, samples, timestamps, stacks } = this.#counts;
    const words = [
      counted(this.#resources.size, "resource"),
      counted(scopes, "scope"),
      counted(profiles, "profile"),
      counted(samples, "sample"),
      counted(timestamps, "timestamp"),
      counted(stacks, "stack"),
    ];
    if (this.#requests > 0) lines.push(words.join(", "));
    if (this.#lostProfiles > 0) lines.push(`${counted(this.#lostProfiles, "profile")} could not be read`);
    if (this.#lostSamples > 0) lines.push(`${counted(this.#lostSamples, "sample")} lead to no stack and were left out`);
    return lines.map(printable);
  }

  #resourceLines(): string[] {
    const lines: string[] = [];
    let shown = 0;
    for (const [title, sums] of this.#resources) {
      if (shown++ === MOST_RESOURCES) break;
      lines.push(printable(title), ...tableLines(sums.rows(), "  "));
    }
    const more = this.#resources.size - MOST_RESOURCES;
    if (more > 0) lines.push(`… and ${counted(more, "more resource")}`);
    return lines;
  }

  #functionLines(): string[] {
    const { type, sum } = this.#functions;
    const top = this.#functions.top(MOST_FUNCTIONS);
    if (type === undefined || top.length === 0) return [];
    const percent = (part: number): string => `${((100 * part) / (sum || 1)).toFixed(1)} %`.padStart(7);
    const rows: Cell[][] = [
      ["self", "", "total", "", "function"],
      ...top.map(({ name, self, total }) => [self, percent(self), total, percent(total), name]),
    ];
    return [`Top functions by ${printable(typeName(type))}, ${showCount(sum)} in all`, ...tableLines(rows, "  ")];
  }

  #tableLines(): string[] {
    if (this.#requests === 0) return [];
    const sized = this.#sizes.size > 0;
    const rows: Cell[][] = [["", "entries", "unused", "duplicate", ...(sized ? ["bytes"] : [])]];
    for (const table of TABLES) {
      const { entries, unused, duplicates } = this.#tables.get(table)!;
      rows.push([table, entries, unused, duplicates, ...(sized ? [this.#sizes.get(table) ?? 0] : [])]);
    }
    for (const part of PARTS) {
      if ((TABLES as readonly string[]).includes(part) || (this.#sizes.get(part) ?? 0) === 0) continue;
      rows.push([part, part === "samples" ? this.#counts.samples : "", "", "", this.#sizes.get(part)!]);
    }
    const of =
      this.#requestsWithUsage < this.#requests
        ? ` (unused and duplicate entries: of the first ${counted(this.#requestsWithUsage, "request")})`
        : "";
    return [`Tables${of}`, ...tableLines(rows, "  ")];
  }

  #oddities(): string[] {
    const rows = this.#findings.rows();
    return rows.length === 0 ? [] : ["Oddities", ...tableLines(rows, "  ")];
  }
}

/** Profiles of one resource, those of the same scope and types together. */
class ResourceSums {
  readonly #kinds = new Map<string, ProfileSums>();

  add(profile: ProfileRecord, scope: string, { dictionary }: ProfilesModel): void {
    const name = (type: ValueTypeRecord): string =>
      typeName({ type: dictionary.strings.text(type.type), unit: dictionary.strings.text(type.unit) });
    const types = profile.types.map(name).join(", ");
    const period = profile.period === 0n ? "" : showPeriod(profile.period, name(profile.periodType));
    const key = JSON.stringify([scope, types, period]);
    let sums = this.#kinds.get(key);
    if (!sums) {
      sums = { scope, types, period, profiles: 0, samples: 0, timestamps: 0, start: profile.timeUnixNano, end: 0n };
      this.#kinds.set(key, sums);
    }
    sums.profiles++;
    sums.samples += profile.samples.length;
    sums.timestamps += profile.samples.timestamps.length;
    if (profile.timeUnixNano < sums.start) sums.start = profile.timeUnixNano;
    const end = profile.timeUnixNano + profile.durationNano;
    if (end > sums.end) sums.end = end;
  }

  rows(): Cell[][] {
    return [...this.#kinds.values()].map(({ scope, types, period, profiles, samples, timestamps, start, end }) => [
      scope,
      types || "(no type)",
      period,
      counted(profiles, "profile"),
      counted(samples, "sample"),
      timestamps === 0 ? "" : counted(timestamps, "timestamp"),
      showSpan(start, end),
    ]);
  }
}

interface ProfileSums {
  readonly scope: string;
  readonly types: string;
  readonly period: string;
  profiles: number;
  samples: number;
  timestamps: number;
  start: bigint;
  end: bigint;
}

function typeName({ type, unit }: { readonly type: string; readonly unit: string }): string {
  return unit === "" ? type : `${type}/${unit}`;
}

/** `every 50 ms of cpu`: periods in nanoseconds as durations, others as they are. */
function showPeriod(period: bigint, type: string): string {
  const [what, unit] = type.split("/");
  return unit === "nanoseconds" ? `every ${showDuration(period)} of ${what}` : `every ${period} ${type}`.trimEnd();
}
