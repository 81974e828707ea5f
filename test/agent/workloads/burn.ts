/**
 * burn SECONDS NAME=SHARE...: as burn.c, in JavaScript. `alpha` and `beta` are functions, `area` calls a method through
 * an array callback and a getter, which V8 may inline. Runs with its types stripped on Node 18 and later.
 */

/** Since Node 23.9. */
const knowsThreads = "threadCpuUsage" in process;

/** CPU time of this thread in nanoseconds; of the process where Node doesn't tell. */
function cpuNs(): number {
  const { user, system } = knowsThreads ? process.threadCpuUsage() : process.cpuUsage();
  return (user + system) * 1000;
}

/** Some 0.1 ms. */
function compute(): number {
  let value = 123456789;
  for (let i = 0; i < 60000; i++) {
    value ^= value << 13;
    value ^= value >>> 7;
    value |= 0;
  }
  return value;
}

let sink = 0;

function alpha(untilNs: number): void {
  while (cpuNs() < untilNs) sink += compute();
}

function beta(untilNs: number): void {
  while (cpuNs() < untilNs) sink -= compute();
}

class Shape {
  side: number;
  constructor(side: number) {
    this.side = side;
  }
  get perimeter(): number {
    return Math.sqrt(this.side) * 4;
  }
  area(): number {
    let sum = 0;
    for (let i = 0; i < 60000; i++) sum += this.perimeter * i;
    return sum;
  }
}
const shapes = [new Shape(1), new Shape(2)];

function area(untilNs: number): void {
  while (cpuNs() < untilNs) sink += shapes.map((shape) => shape.area()).length;
}

interface Turn {
  readonly name: string;
  readonly spend: (untilNs: number) => void;
  readonly share: number;
  spentNs: number;
}

const functions: Readonly<Record<string, (untilNs: number) => void>> = { alpha, beta, area };
const [seconds, ...plan] = process.argv.slice(2);
const turns = plan.map((word): Turn => {
  const [name = "", share] = word.split("=");
  return { name, spend: functions[name]!, share: Number(share), spentNs: 0 };
});
const startNs = cpuNs();
const endMs = Date.now() + Number(seconds) * 1000;
let totalNs = 0;
let ended = false;
process.once("SIGTERM", () => (ended = true));

/** A tenth of a second of turns, then a look at the event loop, as servers do. */
function takeTurns(): void {
  const pauseMs = Date.now() + 100;
  while (Date.now() < pauseMs) {
    let next = turns[0]!;
    let furthest = -Infinity;
    for (const turn of turns) {
      const behind = (totalNs + 1) * turn.share - turn.spentNs * 100;
      if (behind > furthest) [next, furthest] = [turn, behind];
    }
    const beforeNs = cpuNs();
    next.spend(beforeNs + 200_000 + Math.random() * 1_400_000);
    const spentNs = cpuNs() - beforeNs;
    next.spentNs += spentNs;
    totalNs += spentNs;
  }
  if (!ended && Date.now() < endMs) setImmediate(takeTurns);
  else {
    const spent = Object.fromEntries(turns.map((turn) => [turn.name, turn.spentNs]));
    console.log(JSON.stringify({ totalNs: cpuNs() - startNs, spentNs: spent, sink: typeof sink }));
  }
}

console.log("ready");
takeTurns();
