// A module whose own code runs all the time: its scope has exported variables, and variables that closures keep.
import { setTimeout as sleep } from "node:timers/promises";

export let counter = 0;
export const limit = 1e9;
const kept = [1, 2, 3];
export function burn(turns) {
  let sum = kept.length;
  for (let turn = 0; turn < turns; turn++) sum += Math.sqrt(turn) % 7;
  counter += sum % 2;
  return sum;
}
export default class Burner {
  static field = burn(10);
  async run(turns) {
    await sleep(0);
    return burn(turns);
  }
}

const burner = new Burner();
console.log("running");
for (const end = Date.now() + 60_000; Date.now() < end; ) {
  burn(200_000);
  await burner.run(100_000);
}
