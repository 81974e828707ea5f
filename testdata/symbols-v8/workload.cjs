// What the tests of V8's names run: one function that burns time, `spin`, called along many paths. First along each
// path it says how V8 itself sees the stack there; from then on every stack of this process is one of those.
"use strict";
const paths = [];
let isTelling = true;

function spin(turns) {
  if (isTelling) {
    tell();
    return 1;
  }
  let sum = 0;
  for (let turn = 0; turn < turns; turn++) {
    sum += Math.sqrt(turn) % 7;
  }
  return sum;
}

function tell() {
  const before = Error.prepareStackTrace;
  Error.stackTraceLimit = 60;
  Error.prepareStackTrace = (_, calls) =>
    calls
      .filter((call) => call.getLineNumber() !== null)
      .map((call) => ({ name: call.getFunctionName(), file: call.getFileName() ?? null, line: call.getLineNumber() }));
  paths.push(new Error("tell").stack.slice(1));
  Error.prepareStackTrace = before;
}

class Shape {
  #secret = 3;
  constructor(width) {
    this.width = width;
    this.cost = spin(400);
  }
  area() {
    return (
      this.width +
      spin(900)
    );
  }
  get perimeter() {
    return 2 * spin(600);
  }
  set height(value) {
    this.h = value + spin(300);
  }
  static make(width) {
    return new Shape(width);
  }
  #hidden(turns) {
    return this.#secret + spin(turns);
  }
  callHidden() {
    const first = this.#hidden(200);
    return first +
      this.#hidden(300);
  }
  // Its name is made when the program runs: the code itself has none.
  static ["comp" + "uted"]() {
    return spin(250);
  }
  *generate() {
    yield spin(200);
    yield spin(300);
  }
}

class Square extends Shape {
  area() {
    return super.area() + 1;
  }
}

const arrow = (turns) => spin(turns);
const nested = () => {
  const inner = () => {
    return arrow(350);
  };
  return inner();
};
const table = { method() { return spin(200); }, "odd name": () => spin(210), ünïcödé: () => spin(220) };
const anonymous = [function () { return spin(230); }, () => spin(240)];

function callbacks() {
  return [1, 2, 3].map((x) => spin(100 + x)).reduce((a, b) => a + b, 0) +
    [3, 1, 2].sort((a, b) => spin(50) * 0 + a - b)[0];
}

function recursive(depth) {
  if (depth === 0) return spin(500);
  return recursive(depth - 1) + 1;
}

function evaluated() {
  return eval("spin(260)") + new Function("spin", "\n\nreturn spin(270)")(spin);
}

function caught() {
  try {
    return spin(280) + JSON.parse("{");
  } catch {
    return spin(290);
  } finally {
    spin(150);
  }
}

// More variables than the names of a scope are kept in line for, all of them used by a closure.
const manyVariables = new Function(
  "spin",
  `return function many() {
     ${Array.from({ length: 90 }, (_, i) => `let v${i} = ${i};`).join("\n     ")}
     const reader = function reader() { return ${Array.from({ length: 90 }, (_, i) => `v${i}`).join(" + ")} + spin(200); };
     return reader();
   }`,
)(spin);

function round(i) {
  const shape = i % 2 === 0 ? Shape.make(i) : new Square(i);
  let sum = shape.area() + shape.perimeter + shape.callHidden();
  shape.height = i;
  sum += Shape.computed();
  for (const value of shape.generate()) sum += value;
  sum += nested();
  sum += table.method() + table["odd name"]();
  sum += table.ünïcödé();
  sum += anonymous[0]() + anonymous[1]();
  sum += callbacks();
  sum += recursive(3);
  sum += evaluated();
  sum += caught();
  sum += manyVariables();
  return sum;
}

function publish(i) {
  isTelling = false;
  process.stdout.write(`${JSON.stringify(paths)}\n`);
  return i;
}

function main() {
  const end = Date.now() + 60_000;
  // On one line, and so told: what Maglev (V8 13.6) inlines into the second copy of a loop gets the line of its head.
  for (let i = 0; Date.now() < end; i++) round(i === 2 ? publish(i) : i);
}

setTimeout(main, 1);
