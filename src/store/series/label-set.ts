/** The names that many label sets have in common, and where each stands. */
interface Shape {
  readonly names: readonly string[];
  readonly places: ReadonlyMap<string, number>;
}

/** Shapes differ by workload and by how much is known: dozens, unless labels of pods are kept that few have. */
const MAX_SHAPES = 10_000;
const shapes = new Map<string, Shape>();

/**
 * Labels of one series, read only. A store holds tens of thousands of them, which mostly have the same names: those stand
 * there once, so a set takes a sixth of a Map.
 */
export class LabelSet implements ReadonlyMap<string, string> {
  readonly #shape: Shape;
  readonly #values: readonly string[];

  /** Takes the labels in the order in which the map holds them. */
  constructor(labels: ReadonlyMap<string, string>) {
    this.#shape = shapeOf([...labels.keys()]);
    this.#values = [...labels.values()];
  }

  get size(): number {
    return this.#values.length;
  }

  get(name: string): string | undefined {
    const place = this.#shape.places.get(name);
    return place === undefined ? undefined : this.#values[place];
  }

  has(name: string): boolean {
    return this.#shape.places.has(name);
  }

  forEach(visit: (value: string, name: string, map: ReadonlyMap<string, string>) => void): void {
    for (const [name, value] of this.entries()) visit(value, name, this);
  }

  *entries(): MapIterator<[string, string]> {
    for (const [place, name] of this.#shape.names.entries()) yield [name, this.#values[place]!];
  }

  keys(): MapIterator<string> {
    return this.#shape.places.keys();
  }

  values(): MapIterator<string> {
    return this.#values.values();
  }

  [Symbol.iterator](): MapIterator<[string, string]> {
    return this.entries();
  }

  /** Whether all labels are the same; one of another order of names is another. */
  equals(other: LabelSet): boolean {
    if (this.#shape !== other.#shape && this.#shape.names.join("\n") !== other.#shape.names.join("\n")) return false;
    return this.#values.every((value, place) => value === other.#values[place]);
  }
}

function shapeOf(names: readonly string[]): Shape {
  const text = names.join("\n");
  let shape = shapes.get(text);
  if (shape === undefined) {
    shape = { names, places: new Map(names.map((name, place) => [name, place])) };
    if (shapes.size >= MAX_SHAPES) shapes.clear();
    shapes.set(text, shape);
  }
  return shape;
}
