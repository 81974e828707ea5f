import net from "node:net";

/** A connection in the middle that can be cut: what goes through a relay reaches the target until `cut`. */
export class TcpRelay implements AsyncDisposable {
  readonly port: number;
  readonly #server: net.Server;
  readonly #sockets = new Set<net.Socket>();
  #open = true;
  #bytes = 0;

  private constructor(server: net.Server, target: number) {
    this.#server = server;
    this.port = (server.address() as net.AddressInfo).port;
    server.on("connection", (near: net.Socket) => {
      if (!this.#open) return void near.destroy();
      const far = net.connect(target, "127.0.0.1");
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(from);
        from.on("error", () => undefined);
        from.on("close", () => {
          this.#sockets.delete(from);
          to.destroy();
        });
        from.on("data", (chunk: Buffer) => (this.#bytes += chunk.length));
        from.pipe(to);
      }
    });
  }

  /** Listens on a free port and hands on to `target` of this machine. */
  static async start(target: number): Promise<TcpRelay> {
    const server = net.createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new TcpRelay(server, target);
  }

  /** Bytes that went through, both ways, as they are on the wire. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Breaks all connections and takes no new ones. */
  cut(): void {
    this.#open = false;
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Takes connections again. */
  mend(): void {
    this.#open = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
