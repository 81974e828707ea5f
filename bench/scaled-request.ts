import { readFileSync } from "node:fs";
import { Reader, Writer } from "#wire";

/** Resources and bytes of a scaled request: what an agent of a busy node sends at once. */
export const RESOURCES = 48;
export const SIZE = 1_200_000;

/** Fields of a message, each with its number and its bytes, tag included; `content` without. */
function fieldsOf(message: Uint8Array): { field: number; whole: Uint8Array; content: Uint8Array }[] {
  const fields = [];
  const reader = new Reader();
  reader.reset(message, 0, message.length);
  while (reader.next()) {
    const whole = message.subarray(reader.fieldStart, reader.position);
    fields.push({ field: reader.field, whole, content: message.subarray(reader.start, reader.end) });
  }
  return fields;
}

/** A captured request of testdata/captures with 48 resources, the samples of each profile repeated until it has 1.2 MB. */
export function scaled(file: string): Uint8Array {
  const captured = fieldsOf(readFileSync(new URL(`../testdata/captures/${file}`, import.meta.url)));
  const resources = captured.filter(({ field }) => field === 1);
  const writer = new Writer(SIZE * 2);
  for (const { field, whole } of captured) if (field !== 1) writer.raw(whole);
  const share = (SIZE - writer.length) / RESOURCES;
  for (let index = 0; index < RESOURCES; index++) {
    const end = writer.length + share;
    writer.open(1);
    for (const inResource of fieldsOf(resources[index % resources.length]!.content)) {
      if (inResource.field !== 2) writer.raw(inResource.whole);
      else {
        writer.open(2);
        for (const inScope of fieldsOf(inResource.content)) {
          if (inScope.field !== 2) writer.raw(inScope.whole);
          else repeatSamples(writer, inScope.content, end);
        }
        writer.close();
      }
    }
    writer.close();
  }
  return writer.finish();
}

function repeatSamples(writer: Writer, profile: Uint8Array, end: number): void {
  const fields = fieldsOf(profile);
  writer.open(2);
  for (const { whole } of fields) writer.raw(whole);
  const samples = fields.filter(({ field }) => field === 2);
  while (writer.length < end) for (const { whole } of samples) writer.raw(whole);
  writer.close();
}

/** A vector of testdata/otlp-profiles with its resources repeated until it has 1.2 MB; the tables stay as they are. */
export function repeated(file: string): Uint8Array {
  const fields = fieldsOf(readFileSync(new URL(`../testdata/otlp-profiles/${file}`, import.meta.url)));
  const resources = fields.filter(({ field }) => field === 1);
  const writer = new Writer(SIZE * 2);
  for (const { field, whole } of fields) if (field !== 1) writer.raw(whole);
  while (writer.length < SIZE) for (const { whole } of resources) writer.raw(whole);
  return writer.finish();
}
