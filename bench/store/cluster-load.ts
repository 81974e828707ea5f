import { Writer } from "#wire";

/** What a cluster is like whose samples are made up. */
export interface ClusterShape {
  readonly nodes: number;
  readonly containers: number;
  readonly services: number;
  /** Stacks of the services: log-uniform between these. */
  readonly stacks: readonly [least: number, most: number];
  readonly busyCores: number;
  readonly hertz: number;
  readonly seed: number;
}

/** 100 nodes, 16,000 samples a second: the shape that the store's goals are for. */
export const CLUSTER: ClusterShape = {
  nodes: 100,
  containers: 2000,
  services: 200,
  stacks: [500, 50_000],
  busyCores: 8,
  hertz: 20,
  seed: 1,
};

/** A request of one node. */
export interface LoadRequest {
  /** Milliseconds. */
  readonly receivedAt: number;
  readonly samples: number;
  readonly bytes: Uint8Array;
}

/** How often a node sends. */
export const INTERVAL_MS = 5000;

interface Service {
  readonly name: string;
  readonly stackCount: number;
  readonly functions: readonly number[];
  /** Functions from the innermost outwards; made when they are drawn first. */
  readonly stacks: (Uint32Array | undefined)[];
}

interface Container {
  readonly id: string;
  readonly pod: string;
  readonly service: Service;
}

/** Recorded: a request of the OpenTelemetry eBPF profiler had 104 stacks in 317 samples, of 300 functions. */
const REPEATED = 0.67;
/** Functions that all services share: libraries and the kernel. */
const SHARED_FUNCTIONS = 3000;

/**
 * Requests as the agents of a cluster send them: containers by zipf 1.0 over services, stacks by zipf 1.0 over those of the
 * service; of the samples of a container in one request two thirds repeat a stack of it, as recorded ones do. Stacks share their outer frames with
 * earlier ones and are 12 deep on average. The same seed gives the same bytes.
 */
export class ClusterLoad {
  readonly #shape: ClusterShape;
  readonly #random: () => number;
  readonly #names: string[] = [];
  readonly #nodes: (readonly Container[])[];
  readonly #writer = new Writer(1 << 20);

  constructor(shape: ClusterShape) {
    this.#shape = shape;
    this.#random = randomOf(shape.seed);
    for (let at = 0; at < SHARED_FUNCTIONS; at++) this.#names.push(`runtime/library${at % 40}.(*Queue).operation${at}`);
    const services = Array.from({ length: shape.services }, (_, at) => this.#service(at));
    const containers = Array.from({ length: shape.containers }, (_, at) => this.#container(at, services));
    this.#nodes = Array.from({ length: shape.nodes }, (_, node) =>
      containers.filter((_container, at) => at % shape.nodes === node),
    );
  }

  /** The requests of all nodes for the interval that ends at a time, in milliseconds. */
  *interval(end: number): Generator<LoadRequest> {
    for (const [node, containers] of this.#nodes.entries()) {
      const { busyCores, hertz } = this.#shape;
      const samples = (busyCores * hertz * INTERVAL_MS) / 1000;
      const drawn = new Map<Container, Map<number, number[]>>();
      for (let sample = 0; sample < samples; sample++) {
        const container = containers[Math.floor(this.#random() * containers.length)]!;
        const stacks = drawn.get(container) ?? new Map<number, number[]>();
        drawn.set(container, stacks);
        const stack = this.#draw(container.service, [...stacks.keys()]);
        const time = end - Math.floor(this.#random() * INTERVAL_MS);
        const times = stacks.get(stack);
        if (times) times.push(time);
        else stacks.set(stack, [time]);
      }
      yield { receivedAt: end, samples, bytes: this.#encode(drawn, end, node) };
    }
  }

  /** What runs in five seconds runs again in them. */
  #draw({ stackCount }: Service, before: readonly number[]): number {
    const random = this.#random;
    if (before.length > 0 && random() < REPEATED) return before[Math.floor(random() * before.length)]!;
    return Math.floor(Math.exp(random() * Math.log(stackCount + 1))) - 1;
  }

  #service(index: number): Service {
    const [least, most] = this.#shape.stacks;
    const stackCount = Math.floor(least * (most / least) ** this.#random());
    const functions = Array.from({ length: 200 + Math.floor(stackCount / 12) }, (_, at) => {
      const name = `example.com/shop/service${index}/internal/package${at % 60}.(*Handler).method${at}`;
      return this.#names.push(name) - 1;
    });
    return { name: `service-${index}`, stackCount, functions, stacks: [] };
  }

  #container(index: number, services: readonly Service[]): Container {
    // Every service has one; the rest go by weight.
    const service = services[index < services.length ? index : Math.floor(services.length ** this.#random()) - 1]!;
    const id = Array.from({ length: 8 }, () =>
      Math.floor(this.#random() * 2 ** 32)
        .toString(16)
        .padStart(8, "0"),
    ).join("");
    return { id, pod: `${service.name}-${index.toString(36)}`, service };
  }

  #stack(service: Service, index: number): Uint32Array {
    let stack = service.stacks[index];
    if (stack) return stack;
    const random = this.#random;
    const outer: number[] = [];
    if (index > 0) {
      const before = this.#stack(service, Math.floor(random() * index));
      const kept = Math.floor(random() * before.length) + 1;
      for (let at = 0; at < kept && at < 120; at++) outer.push(before[before.length - 1 - at]!);
    }
    const added = 1 + Math.floor(-Math.log(1 - random()) * 5);
    for (let at = 0; at < added; at++) {
      const { functions } = service;
      outer.push(
        random() < 0.4
          ? Math.floor(SHARED_FUNCTIONS ** random()) - 1
          : functions[Math.floor(functions.length ** random()) - 1]!,
      );
    }
    stack = Uint32Array.from(outer.reverse());
    service.stacks[index] = stack;
    return stack;
  }

  #encode(
    drawn: ReadonlyMap<Container, ReadonlyMap<number, readonly number[]>>,
    end: number,
    node: number,
  ): Uint8Array {
    const writer = this.#writer;
    const [strings, functions, stacks] = [new Numbers<string>(), new Numbers<number>(), new Numbers<Uint32Array>()];
    strings.of("");
    writer.reset();
    for (const [{ id, pod, service }, samples] of drawn) {
      writer.open(1);
      writer.open(1);
      for (const [key, value] of [
        ["container.id", id],
        ["k8s.pod.name", pod],
        ["k8s.namespace.name", "shop"],
        ["k8s.deployment.name", service.name],
        ["k8s.node.name", `node-${node}`],
        ["service.name", service.name],
        ["process.executable.name", service.name],
      ] as const) {
        writer.open(1);
        writer.string(1, key);
        writer.open(2);
        writer.string(1, value);
        writer.close();
        writer.close();
      }
      writer.close();
      writer.open(2);
      writer.open(2);
      writeType(writer, 1, strings.of("samples"), strings.of("count"));
      for (const [index, times] of samples) {
        writer.open(2);
        // Stack 0 is the empty one.
        writer.varint(1, stacks.of(this.#stack(service, index)) + 1);
        writer.open(5);
        for (const time of times) writer.rawFixed64(BigInt(time) * 1_000_000n);
        writer.close();
        writer.close();
      }
      writer.fixed64(3, BigInt(end - INTERVAL_MS) * 1_000_000n);
      writer.varint(4, INTERVAL_MS * 1e6);
      writeType(writer, 5, strings.of("cpu"), strings.of("nanoseconds"));
      writer.varint(6, 1e9 / this.#shape.hertz);
      writer.close();
      writer.close();
      writer.close();
    }
    writer.open(2);
    for (let at = 0; at <= stacks.list.length; at++) {
      writer.open(7);
      if (at > 0) {
        writer.open(1);
        for (const called of stacks.list[at - 1]!) writer.rawVarint(functions.of(called) + 1);
        writer.close();
      }
      writer.close();
    }
    for (const table of [1, 4, 6]) {
      writer.open(table);
      writer.close();
    }
    for (let at = 0; at <= functions.list.length; at++) {
      writer.open(2);
      if (at > 0) {
        writer.varint(2, 0x400000 + functions.list[at - 1]! * 64);
        writer.open(3);
        writer.varint(1, at);
        writer.varint(2, (functions.list[at - 1]! % 900) + 1);
        writer.close();
      }
      writer.close();
    }
    for (let at = 0; at <= functions.list.length; at++) {
      writer.open(3);
      if (at > 0) writer.varint(1, strings.of(this.#names[functions.list[at - 1]!]!));
      writer.close();
    }
    for (const text of strings.list) writer.string(5, text);
    writer.close();
    return writer.finish();
  }
}

/** Numbers things in the order in which they come. */
class Numbers<T> {
  readonly list: T[] = [];
  readonly #known = new Map<T, number>();

  of(value: T): number {
    let number = this.#known.get(value);
    if (number === undefined) this.#known.set(value, (number = this.list.push(value) - 1));
    return number;
  }
}

function writeType(writer: Writer, field: number, type: number, unit: number): void {
  writer.open(field);
  writer.varint(1, type);
  writer.varint(2, unit);
  writer.close();
}

/** Numbers from 0 up to, not with, 1 (xorshift32). */
function randomOf(seed: number): () => number {
  let state = seed * 2_654_435_761 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
