// Burns CPU time in generated code, in the interpreter and in the runtime's own: busy SECONDS
const until = Date.now() + 1000 * Number(process.argv[2]);

function sorting(count: number): number[] {
  return Array.from({ length: count }, (_, i) => (i * 7919) % 1009).sort((a, b) => a - b);
}

function coding(count: number): unknown {
  return JSON.parse(JSON.stringify(Array.from({ length: count }, (_, i) => ({ a: i, b: [1, 2, { c: String(i) }] }))));
}

function descending(depth: number): string {
  return depth > 0 ? descending(depth - 1) : "aaab".repeat(50).replace(/a+b/g, (found) => found[0]!);
}

while (Date.now() < until) {
  sorting(500);
  coding(50);
  descending(20);
}
