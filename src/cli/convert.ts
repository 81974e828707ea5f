import { type Command, InvalidArgumentError } from "commander";
import { type Layouts, loadLayouts, type ProfilesModel, type WritableLayout } from "#otlp";
import {
  type Filters,
  filtered,
  type ResourceFilter,
  resourceFilterOption,
  timeFilterOption,
} from "./convert/filters.ts";
import { LossReport } from "./convert/loss-report.ts";
import { ModelMerger } from "./convert/merge-models.ts";
import { outputFor } from "./convert/output-format.ts";
import { Progress, totalBytes } from "./convert/progress.ts";
import { encodeOutput, writeWhole } from "./convert/write-output.ts";
import { ExitCode, Fault } from "./exit.ts";
import { layoutOption, layoutTitle } from "./input/layout-option.ts";
import { loadProfiles } from "./input/load-profiles.ts";
import { readInput } from "./input/read-input.ts";

interface ConvertFlags {
  readonly output: string;
  readonly to?: string;
  readonly layout?: WritableLayout;
  readonly resource: readonly ResourceFilter[];
  readonly time?: Filters["time"];
  readonly type?: string;
  readonly byContainer?: boolean;
}

export function define(command: Command): void {
  command
    .description("Convert profiles between the layouts of OTLP and the formats of other tools.")
    .argument("<files...>", "what `inspect` reads; all of them become one; - is standard input")
    .requiredOption("-o, --output <file>", "where to; its ending says the format; - is standard output")
    .option("--to <format>", "otlp, otlp-json, pprof, folded, speedscope, firefox or html")
    .option("--layout <release>", "of OTLP: 1.11 (default), 1.9, 1.8, 1.7, 1.5 or 1.3", writableLayoutOption)
    .option(
      "--resource <key=value>",
      "only resources with that attribute; repeat it for more",
      resourceFilterOption,
      [],
    )
    .option("--time <from..to>", "only what was sampled then: RFC 3339, or seconds since 1970", timeFilterOption)
    .option("--type <name>", "only profiles of that sample type, such as samples or off_cpu")
    .option("--by-container", "a resource for each container that samples name, as agents since 2025 send them")
    .addHelpText(
      "after",
      `
Endings: .otlp .binpb (OTLP), .otlp.json .json (OTLP/JSON), .pb.gz .pprof .pb (pprof), .folded .collapsed (folded
stacks), .speedscope.json, .firefox.json, .html. A further .gz or .zst compresses.

Examples:
  podflame convert new.otlp -o old.otlp --layout 1.7           for a backend that is a year behind
  podflame convert *.otlp -o all.pb.gz                         one pprof file of many requests
  podflame convert all.otlp -o shop.html --resource k8s.namespace.name=shop
  podflame convert cpu.pb.gz -o - --to folded | flamegraph.pl > cpu.svg

What the output cannot say is told on standard error, for each profile. Exit codes: 0 done; 1 something could not be
read or written (what could be is in the file).`,
    )
    .action((files: string[], flags: ConvertFlags) => convert(files, flags));
}

/** Those that somebody receives: the export request of 1.6 has no tables, and 1.4 is read as 1.5. */
const WRITABLE_LAYOUTS: readonly WritableLayout[] = ["E", "D5", "D7", "D8", "D9", "D10"];

function writableLayoutOption(value: string): WritableLayout {
  const layout = layoutOption(value);
  const writable = WRITABLE_LAYOUTS.find((one) => one === layout);
  if (writable === undefined) {
    throw new InvalidArgumentError(
      `nothing receives ${layoutTitle(layout)}; these are written: ${WRITABLE_LAYOUTS.map(layoutTitle).join(", ")}.`,
    );
  }
  return writable;
}

async function convert(files: readonly string[], flags: ConvertFlags): Promise<void> {
  const output = await outputFor(flags.output, flags.to);
  if (flags.layout !== undefined && output.format.kind !== "otlp") {
    throw new Fault(ExitCode.USER, `--layout is for OTLP, but ${flags.output} is to be ${output.format.format.title}`);
  }
  const layouts = await loadLayouts();
  const conversion = new Conversion(flags, layouts);
  const progress = new Progress(await totalBytes(files), warnRaw, process.stderr.isTTY);
  for (const file of files) await conversion.readFile(file, progress);
  progress.done();
  const model = conversion.result();
  const bytes = await encodeOutput(model, output, conversion.losses, {
    layout: flags.layout,
    ...(flags.type !== undefined && { format: { sampleType: flags.type } }),
    tell: warn,
  });
  for (const line of conversion.losses.lines()) warn(line);
  await writeWhole(flags.output, bytes);
  if (conversion.problems > 0) process.exitCode = ExitCode.USER;
}

/** Reads what goes into the output. */
class Conversion {
  readonly losses = new LossReport();
  problems = 0;
  readonly layouts: Layouts;
  readonly #flags: ConvertFlags;
  readonly #filters: Filters;
  readonly #filtering: boolean;
  #models = 0;
  /** The only one so far, as it was read: written in its own layout it loses nothing. */
  #single: { readonly model: ProfilesModel; readonly place: string } | undefined;
  readonly #merger = new ModelMerger();

  constructor(flags: ConvertFlags, layouts: Layouts) {
    this.layouts = layouts;
    this.#flags = flags;
    this.#filters = { resource: flags.resource, time: flags.time, type: flags.type };
    this.#filtering =
      flags.resource.length > 0 || flags.time !== undefined || flags.type !== undefined || flags.byContainer === true;
  }

  async readFile(file: string, progress: Progress): Promise<void> {
    for await (const part of readInput(file, progress)) {
      const loaded = part.kind === "problem" ? part : await loadProfiles(part);
      if (loaded.kind === "problem") {
        this.problems++;
        warn(`${loaded.place}: ${loaded.message}`);
      } else this.#add(loaded.model, part.place);
    }
  }

  /** Everything that was read, as one model. */
  result(): ProfilesModel {
    if (this.#models === 0) {
      throw new Fault(ExitCode.USER, "there is nothing to convert: no profiles could be read");
    }
    const model = this.#single?.model ?? this.#merger.finish();
    if (this.#filtering && model.resources.length === 0) {
      throw new Fault(
        ExitCode.USER,
        "nothing is left: no profile passes the filters (podflame inspect shows what there is)",
      );
    }
    return model;
  }

  #add(model: ProfilesModel, place: string): void {
    this.#models++;
    if (this.#models === 1 && !this.#filtering) {
      this.#single = { model, place };
      return;
    }
    if (this.#single) this.#merge(this.#single.model, this.#single.place);
    this.#single = undefined;
    this.#merge(model, place);
  }

  #merge(model: ProfilesModel, place: string): void {
    const { regroupByContainer, upgradeProfiles } = this.layouts;
    const regrouped = this.#flags.byContainer === true ? regroupByContainer(model) : { model, losses: [] };
    const upgraded = upgradeProfiles(regrouped.model);
    const { model: rest, undatedSamples } = filtered(upgraded.model, this.#filters);
    this.losses.add([...regrouped.losses, ...upgraded.losses], place);
    if (undatedSamples > 0) {
      warn(
        `${place}: ${undatedSamples} samples without timestamps, of profiles partly outside of --time, were left out`,
      );
    }
    this.#merger.add(rest);
  }
}

function warn(text: string): void {
  warnRaw(`podflame: ${text}\n`);
}

function warnRaw(text: string): void {
  process.stderr.write(text);
}
