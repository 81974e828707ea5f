import { ParseError, Reader, WireType } from "#wire";
import type { DictionaryColumns } from "./dictionary-columns.ts";
import { isKnown, layoutFields, RequestField, roleOf, type LayoutFields } from "./fields.ts";
import { Findings } from "./findings.ts";
import { layoutOrder, type Layout } from "./layout.ts";
import type { ProfileRecord, ProfilesModel, ResourceRecord, ScopeRecord } from "./model.ts";
import { ModelBuilder } from "./model-builder.ts";
import { located, ProfileReader } from "./profile-reader.ts";
import { TableReader } from "./table-reader.ts";
import { TableResolver, type IndexRules } from "./table-resolver.ts";

/** ResourceProfiles and ScopeProfiles have the same numbers in every layout. */
const CONTEXT = 1;
const CHILDREN = 2;
const SCHEMA_URL = 3;

/** Resources, scopes and profiles of a request at most, all together. Real ones have thousands. */
const MAX_RECORDS = 1 << 17;

/**
 * Reads a request (or ProfilesData, which differs only in D6) of a known layout; see `detectLayout` for which it is.
 * The model refers to `bytes`, which must stay as they are.
 *
 * Broken bytes in the envelope down to the profiles are an error that names the message and the offset. Inside, what
 * is broken is left out and told in the model's findings: a profile, a sample, an entry of a table. When no profile of
 * several can be read, the first error is the answer.
 *
 * @param columns memory for the model's dictionary, of a model that is not used any more; new memory unless given
 */
export function readProfiles(
  bytes: Uint8Array,
  layout: Layout,
  columns?: DictionaryColumns,
): ProfilesModel | ParseError {
  return new RequestReader(bytes, layout, columns).read();
}

class RequestReader {
  readonly #bytes: Uint8Array;
  readonly #layout: Layout;
  readonly #fields: LayoutFields;
  readonly #findings = new Findings();
  readonly #builder: ModelBuilder;
  #profiles: ProfileReader | undefined;
  #records = 0;
  #lost = 0;
  #kept = 0;
  #firstLoss: ParseError | undefined;
  #unknownRequest: Uint8Array | undefined;
  #unknownDictionary: Uint8Array | undefined;

  constructor(bytes: Uint8Array, layout: Layout, columns: DictionaryColumns | undefined) {
    this.#bytes = bytes;
    this.#layout = layout;
    this.#fields = layoutFields(layout);
    this.#builder = new ModelBuilder(bytes, layoutOrder(layout) < layoutOrder("D8"), columns);
  }

  read(): ProfilesModel | ParseError {
    const resources: number[] = [];
    const rules = this.#tables(resources);
    if (rules instanceof ParseError) return rules;
    this.#profiles = new ProfileReader(this.#bytes, this.#layout, this.#builder, rules, this.#findings);
    const records: ResourceRecord[] = [];
    for (let at = 0; at < resources.length; at += 2) {
      const record = this.#resource(resources[at]!, resources[at + 1]!, at / 2);
      if (record instanceof ParseError) return record.within(`resource_profiles[${at / 2}]`);
      records.push(record);
    }
    if (this.#firstLoss && this.#kept === 0) return this.#firstLoss;
    return {
      ...this.#builder.finish(records, this.#layout),
      findings: this.#findings.list(),
      lostProfiles: this.#lost,
      unknown: { request: this.#unknownRequest, dictionary: this.#unknownDictionary },
    };
  }

  /** Reads the tables of the request, if the layout has them there, and notes where the resources are. */
  #tables(resources: number[]): IndexRules | undefined | ParseError {
    const reader = new Reader();
    const tables = new TableReader(this.#bytes, this.#layout, this.#builder.columns, this.#findings);
    reader.reset(this.#bytes, 0, this.#bytes.length);
    while (reader.next()) {
      const role = roleOf(this.#fields.request, reader.field, reader.wireType);
      if (role === RequestField.RESOURCES) resources.push(reader.start, reader.end);
      else if (role === RequestField.DICTIONARY) {
        const problem = this.#dictionary(reader.start, reader.end, tables);
        if (problem) return problem.within("dictionary");
      } else if (role > 0) {
        const read = tables.read(role, reader, atTop);
        if (read instanceof ParseError) return read;
      } else if (isKnown(this.#fields.request, reader.field)) {
        return new ParseError(`wire type ${reader.wireType} in field ${reader.field} (byte ${reader.fieldStart})`);
      } else this.#unknownRequest = this.#findings.keepUnknown(this.#unknownRequest, reader);
    }
    if (reader.failed) return located(reader).within(topLevel(reader.field, resources.length / 2));
    if (resources.length / 2 > MAX_RECORDS) return new ParseError(`more than ${MAX_RECORDS} resources`);
    if (layoutOrder(this.#layout) < layoutOrder("D6")) return undefined;
    const place = this.#layout === "D6" ? atTop : inDictionary;
    return new TableResolver(this.#builder.columns, this.#layout, this.#findings, place).resolve(tables);
  }

  #dictionary(start: number, end: number, tables: TableReader): ParseError | undefined {
    const reader = new Reader();
    const fields = this.#fields.dictionary;
    reader.reset(this.#bytes, start, end);
    while (reader.next()) {
      const role = roleOf(fields, reader.field, reader.wireType);
      if (role > 0) {
        const read = tables.read(role, reader, inDictionary);
        if (read instanceof ParseError) return read;
      } else if (isKnown(fields, reader.field)) {
        this.#findings.add("wrong-wire-type", "dictionary", reader.fieldStart, () => "dictionary");
      } else this.#unknownDictionary = this.#findings.keepUnknown(this.#unknownDictionary, reader);
    }
    return reader.failed ? located(reader) : undefined;
  }

  #resource(start: number, end: number, index: number): ResourceRecord | ParseError {
    const parts = this.#parts(start, end);
    if (parts instanceof ParseError) return parts;
    const scopes: ScopeRecord[] = [];
    for (let at = 0; at < parts.children.length; at += 2) {
      const scope = this.#scope(parts.children[at]!, parts.children[at + 1]!, index, at / 2);
      if (scope instanceof ParseError) return scope.within(`scope_profiles[${at / 2}]`);
      scopes.push(scope);
    }
    return { resource: parts.context, schemaUrl: parts.schemaUrl, scopes, unknown: parts.unknown };
  }

  #scope(start: number, end: number, resource: number, scope: number): ScopeRecord | ParseError {
    const parts = this.#parts(start, end);
    if (parts instanceof ParseError) return parts;
    const profiles: ProfileRecord[] = [];
    for (let at = 0; at < parts.children.length; at += 2) {
      const path = `resource_profiles[${resource}].scope_profiles[${scope}].profiles[${at / 2}]`;
      const profile = this.#profiles!.read(parts.children[at]!, parts.children[at + 1]!, () => `${path}.`);
      if (profile instanceof ParseError) {
        this.#lost++;
        const loss = profile.within(path);
        this.#firstLoss ??= loss;
        this.#findings.add("malformed", "profile", parts.children[at]!, () => loss.message);
      } else {
        this.#kept++;
        profiles.push(profile);
      }
    }
    return { scope: parts.context, schemaUrl: parts.schemaUrl, profiles, unknown: parts.unknown };
  }

  /** The fields of ResourceProfiles or ScopeProfiles. */
  #parts(start: number, end: number): Parts | ParseError {
    const reader = new Reader();
    const context: Uint8Array[] = [];
    const children: number[] = [];
    let schemaUrl = "";
    let unknown: Uint8Array | undefined;
    reader.reset(this.#bytes, start, end);
    while (reader.next()) {
      const { field, wireType } = reader;
      if (field < CONTEXT || field > SCHEMA_URL) unknown = this.#findings.keepUnknown(unknown, reader);
      else if (wireType !== WireType.LEN) {
        return new ParseError(`wire type ${wireType} in field ${field} (byte ${reader.fieldStart})`);
      } else if (field === CONTEXT) context.push(this.#bytes.subarray(reader.start, reader.end));
      else if (field === CHILDREN) children.push(reader.start, reader.end);
      else schemaUrl = reader.string();
    }
    if (reader.failed) return located(reader);
    this.#records += children.length / 2;
    if (this.#records > MAX_RECORDS) return new ParseError(`more than ${MAX_RECORDS} scopes and profiles`);
    // Pieces of one message are the message.
    return {
      context: context.length > 1 ? Buffer.concat(context) : (context[0] ?? EMPTY),
      children,
      schemaUrl,
      unknown,
    };
  }
}

interface Parts {
  /** The Resource or the InstrumentationScope. */
  readonly context: Uint8Array;
  /** Start and end of each ScopeProfiles or profile. */
  readonly children: readonly number[];
  readonly schemaUrl: string;
  readonly unknown: Uint8Array | undefined;
}

const EMPTY = new Uint8Array(0);

/** What the broken field at the top level was to be. */
function topLevel(field: number, resources: number): string {
  if (field === 1) return `resource_profiles[${resources}]`;
  return field === 2 ? "dictionary" : "request";
}

function atTop(): string {
  return "";
}

function inDictionary(): string {
  return "dictionary.";
}
