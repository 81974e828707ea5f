import { forEachPiece, forgetProcFile } from "./proc-file.ts";

/** What a process's environment says of the service it belongs to. */
export interface ServiceVariables {
  /** From OTEL_SERVICE_NAME, else `service.name` of OTEL_RESOURCE_ATTRIBUTES; undefined where neither says. */
  readonly serviceName: string | undefined;
  /** OTEL_RESOURCE_ATTRIBUTES, decoded, without `service.name`. */
  readonly resourceAttributes: ReadonlyMap<string, string>;
  /** A variable that was discarded, for it can't be decoded. */
  readonly discarded: boolean;
}

const SERVICE_NAME = Buffer.from("OTEL_SERVICE_NAME=");
const RESOURCE_ATTRIBUTES = Buffer.from("OTEL_RESOURCE_ATTRIBUTES=");
/** Linux takes a quarter of the stack limit for arguments and environment, 2 MiB as a rule. */
const MAX_ENVIRONMENT_BYTES = 2 * 1024 * 1024;
/** No service has names like these; what is longer would only cost memory. */
const MAX_NAME_CHARS = 1_024;
const MAX_ATTRIBUTES = 64;

/**
 * Reads OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES of a process. Nothing else of its environment leaves this
 * function, and the buffer through which it went is overwritten. Undefined if the process is gone or may not be looked
 * at. What is read is the environment at exec: what the process set itself later is not in it.
 */
export function readServiceVariables(pid: number): ServiceVariables | undefined {
  let name: string | undefined;
  let attributes: string | undefined;
  let undecodable = false;
  const take = (bytes: Buffer, start: number, end: number): string | undefined => {
    const text = utf8(bytes.subarray(start, end));
    undecodable ||= text === undefined;
    return text;
  };
  // As for getenv(3) the first of a name counts.
  const end = forEachPiece(`/proc/${pid}/environ`, 0, MAX_ENVIRONMENT_BYTES, (bytes, start, pieceEnd) => {
    if (name === undefined && startsWith(bytes, start, pieceEnd, SERVICE_NAME)) {
      name = take(bytes, start + SERVICE_NAME.length, pieceEnd);
    } else if (attributes === undefined && startsWith(bytes, start, pieceEnd, RESOURCE_ATTRIBUTES)) {
      attributes = take(bytes, start + RESOURCE_ATTRIBUTES.length, pieceEnd);
    }
    return name === undefined || attributes === undefined;
  });
  forgetProcFile();
  if (end === "missing") return undefined;
  const read = serviceVariables(name, attributes);
  return undecodable ? { ...read, discarded: true } : read;
}

/**
 * What the two variables say together, as the OpenTelemetry SDKs read them
 * (https://opentelemetry.io/docs/specs/otel/resource/sdk/#specifying-resource-information-via-an-environment-variable):
 * OTEL_SERVICE_NAME wins over `service.name`, an empty variable is as none, one that can't be decoded is discarded.
 */
export function serviceVariables(
  serviceName: string | undefined,
  resourceAttributes: string | undefined,
): ServiceVariables {
  const parsed = parseResourceAttributes(resourceAttributes ?? "");
  const attributes = parsed ?? new Map<string, string>();
  const named = attributes.get("service.name");
  attributes.delete("service.name");
  const tooLong = serviceName !== undefined && serviceName.length > MAX_NAME_CHARS;
  return {
    serviceName: (tooLong ? undefined : serviceName) || named || undefined,
    resourceAttributes: attributes,
    discarded: parsed === undefined || tooLong,
  };
}

/**
 * Reads `key=value,key=value`, both percent-encoded; the last of a key counts. An empty member, as a comma at the end
 * leaves one, says nothing.
 *
 * @returns undefined if any member is malformed: half of a description may be worse than none
 */
export function parseResourceAttributes(text: string): Map<string, string> | undefined {
  const attributes = new Map<string, string>();
  for (const member of text.split(",")) {
    if (member.trim() === "") continue;
    const equals = member.indexOf("=");
    if (equals === -1) return undefined;
    const key = percentDecode(member.slice(0, equals).trim());
    const value = percentDecode(member.slice(equals + 1).trim());
    if (key === undefined || value === undefined || key === "") return undefined;
    if (key.length > MAX_NAME_CHARS || value.length > MAX_NAME_CHARS) return undefined;
    attributes.set(key, value);
    if (attributes.size > MAX_ATTRIBUTES) return undefined;
  }
  return attributes;
}

function percentDecode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function utf8(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}

function startsWith(bytes: Buffer, start: number, end: number, prefix: Buffer): boolean {
  return end - start >= prefix.length && bytes.compare(prefix, 0, prefix.length, start, start + prefix.length) === 0;
}
