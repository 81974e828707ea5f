/** Something that gathers what it has to send. */
export interface Flushable {
  flush(): void;
}

let waiting: Flushable[] = [];
let scheduled = false;

/**
 * Has `connection` flushed once the events of this turn of the loop are through: what came of them leaves in one write
 * for each connection. The caller asks once until it is flushed.
 */
export function flushSoon(connection: Flushable): void {
  waiting.push(connection);
  if (scheduled) return;
  scheduled = true;
  setImmediate(flushAll);
}

function flushAll(): void {
  scheduled = false;
  const now = waiting;
  waiting = [];
  for (const connection of now) connection.flush();
}
