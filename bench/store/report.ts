import { percentile } from "../figures.ts";

/** A table of results with the goals beside them, on standard output. */
export class Report {
  title(text: string): void {
    process.stdout.write(`${text}\n`);
  }

  section(text: string): void {
    process.stdout.write(`\n${text}\n`);
  }

  line(what: string, value: string): void {
    process.stdout.write(`  ${what.padEnd(46)} ${value}\n`);
  }

  goal(what: string, value: number, op: ">=" | "<=" | "<", goal: number): void {
    const isMet = op === ">=" ? value >= goal : op === "<=" ? value <= goal : value < goal;
    this.line(what, `${value.toFixed(2).padStart(10)}  goal ${op} ${goal}${isMet ? "" : "  MISSED"}`);
  }

  quantiles(
    what: string,
    { times, note }: { readonly times: readonly number[]; readonly note: string },
    p50: number,
    p95: number,
  ): void {
    const [half, most] = [percentile(times, 0.5), percentile(times, 0.95)];
    const missed = half < p50 && most < p95 ? "" : "  MISSED";
    this.line(
      what,
      `${half.toFixed(0).padStart(6)} / ${most.toFixed(0).padStart(5)}  goal ${p50} / ${p95}${missed}  ${note}`,
    );
  }
}
