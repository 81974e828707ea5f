/** Fewer than these are sorted by insertion. */
const FEW = 24;

/**
 * Sorts `list[0, length)` by `weights[list[i]]`, the heaviest first; equal ones stay as they are. A million siblings take
 * a tenth of a second where weight and place fit into one double together, which is then sorted without comparisons.
 */
export function sortHeaviestFirst(list: Int32Array, length: number, weights: Float64Array): void {
  if (length < 2) return;
  if (length <= FEW) return insertionSort(list, length, weights);
  let heaviest = 0;
  let whole = true;
  for (let at = 0; at < length; at++) {
    const weight = weights[list[at]!]!;
    if (weight > heaviest) heaviest = weight;
    if (!Number.isInteger(weight)) whole = false;
  }
  if (!whole || (heaviest + 1) * length > Number.MAX_SAFE_INTEGER) {
    const order = Array.from(list.subarray(0, length)).sort((a, b) => weights[b]! - weights[a]!);
    list.set(order);
    return;
  }
  // Ascending by (weight, place from the end): read backwards, the heaviest comes first and equal ones keep their order.
  const keys = new Float64Array(length);
  for (let at = 0; at < length; at++) keys[at] = weights[list[at]!]! * length + (length - 1 - at);
  keys.sort();
  const before = list.slice(0, length);
  for (let at = 0; at < length; at++) {
    list[at] = before[length - 1 - (keys[length - 1 - at]! % length)]!;
  }
}

function insertionSort(list: Int32Array, length: number, weights: Float64Array): void {
  for (let at = 1; at < length; at++) {
    const item = list[at]!;
    const weight = weights[item]!;
    let to = at;
    for (; to > 0 && weights[list[to - 1]!]! < weight; to--) list[to] = list[to - 1]!;
    list[to] = item;
  }
}
