/**
 * What finding and splicing a resource costs, alone: node bench/otlp-splice.ts
 * The request is the captured one scaled to 48 resources and 1.2 MB, as literals and as references. Prints
 * nanoseconds a resource and bytes allocated a request; fails when a resource is missed.
 */
import { readFileSync } from "node:fs";
import {
  AttributeKeys,
  countItems,
  encodeAttribute,
  INTERNAL_ORIGIN,
  ParseError,
  receivePayload,
  ResourceEditor,
  type Payload,
  type ResourceView,
} from "#otlp";
import { BufferPool, MessageBuffer, Reader, Writer } from "#wire";

const RESOURCES = 48;
const SIZE = 1_200_000;
const BATCHES = 40;
const BATCH = 20;

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

/** The captured request with 48 resources, the samples of each profile repeated until it has 1.2 MB. */
function scaled(file: string): Uint8Array {
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

function received(bytes: Uint8Array): Payload {
  const payload = receivePayload("profiles", MessageBuffer.copyOf(bytes), INTERNAL_ORIGIN);
  if (payload instanceof ParseError) throw new Error(payload.message);
  return payload;
}

/** Nanoseconds of a run in the fastest of many short batches: what else the machine does disturbs only some. */
function fastest(run: () => void): number {
  let best = Infinity;
  for (let batch = 0; batch < BATCHES; batch++) {
    const start = process.hrtime.bigint();
    for (let round = 0; round < BATCH; round++) run();
    best = Math.min(best, Number(process.hrtime.bigint() - start) / BATCH);
  }
  return best;
}

function measure(file: string): void {
  const payload = received(scaled(file));
  const pool = new BufferPool();
  const keys = new AttributeKeys(["container.id", "k8s.pod.name", "k8s.pod.uid", "service.name"]);
  const container = keys.indexOf("container.id");
  const editor = new ResourceEditor(keys, pool);
  const encoded = Buffer.concat([
    encodeAttribute("k8s.pod.name", "checkout-7d4b9c6f5-x2x7q"),
    encodeAttribute("k8s.pod.uid", "0f8ccae1-7d21-4ec5-9e4e-2d3ab1f6a0c4"),
    encodeAttribute("service.name", "checkout"),
  ]);
  let hits = 0;
  const look = (resource: ResourceView): void => {
    if (resource.nonEmpty(container)) hits++;
  };
  const enrich = (resource: ResourceView): void => {
    if (!resource.nonEmpty(container)) return;
    hits++;
    resource.append(encoded);
  };
  const runs: readonly [string, () => void][] = [
    ["count", () => void countItems("profiles", payload.bytes)],
    ["find", () => void editor.edit(payload, look)],
    ["find and splice", () => editor.edit(payload, enrich).release()],
    ["copy alone", () => pool.copyOf(payload.bytes).release()],
  ];
  console.log(`${file}: ${payload.bytes.length} bytes, ${RESOURCES} resources, ${payload.items} samples`);
  for (const [name, run] of runs) {
    fastest(run);
    hits = 0;
    const before = process.memoryUsage().heapUsed;
    const best = fastest(run);
    const allocated = Math.max(0, process.memoryUsage().heapUsed - before) / (BATCHES * BATCH);
    if (name.startsWith("find") && hits !== BATCHES * BATCH * RESOURCES) throw new Error(`${hits} hits`);
    const perResource = (best / RESOURCES).toFixed(0).padStart(6);
    console.log(`  ${name.padEnd(16)}${perResource} ns a resource, ${allocated.toFixed(0)} B allocated a request`);
  }
}

measure("ebpf-20hz-grpc.binpb");
measure("ebpf-20hz-grpc-v0.164.binpb");
