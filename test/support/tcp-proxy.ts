import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** Bytes that are taken from a sender at a time: on a slow link much less is under way than kernels would buffer. */
const PIECE = 16 * 1024;

/** A link to a server that can be slow, silent or broken, and counts what it carries. */
export class TcpProxy {
  /** From clients to the server, and back. */
  sent = 0;
  received = 0;
  /** Connections that were accepted. */
  connections = 0;
  /** Of each direction; null is as fast as it goes. */
  bytesPerSecond: number | null = null;
  readonly #sockets = new Set<Socket>();
  readonly #watches: { at: number; then: () => void }[] = [];
  readonly #turns = { sent: 0, received: 0 };
  #resetting: NodeJS.Timeout | undefined;
  #stalled: Promise<void> | undefined;
  #release: (() => void) | undefined;

  private constructor(
    private readonly server: Server,
    private readonly target: { host: string; port: number },
  ) {
    server.on('connection', (client: Socket) => this.#carry(client));
  }

  static async start(target: string): Promise<TcpProxy> {
    const { hostname, port } = new URL(target);
    const server = createServer({ highWaterMark: PIECE }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new TcpProxy(server, { host: hostname, port: Number(port) });
  }

  get port(): number {
    const address = this.server.address();
    if (typeof address !== 'object' || address === null) throw new Error('proxy: expected to listen on a port');
    return address.port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Breaks every connection with a reset; new ones are taken. */
  cut(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  cutEvery(milliseconds: number): void {
    clearInterval(this.#resetting);
    this.#resetting = setInterval(() => this.cut(), milliseconds);
  }

  /** Holds every byte back until `resume`, with all connections open. */
  stall(): void {
    this.#stalled ??= new Promise((release) => (this.#release = release));
  }

  resume(): void {
    this.#release?.();
    this.#stalled = undefined;
  }

  /** Resolves once clients have sent so many bytes in all. */
  whenSent(bytes: number): Promise<void> {
    return new Promise((resolve) => this.#watches.push({ at: bytes, then: resolve }));
  }

  async close(): Promise<void> {
    clearInterval(this.#resetting);
    this.resume();
    this.cut();
    this.server.close();
    await once(this.server, 'close');
  }

  #carry(client: Socket): void {
    this.connections++;
    const server = connect({ ...this.target, highWaterMark: PIECE } as never);
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ]) {
      this.#sockets.add(socket);
      socket.setNoDelay();
      socket.on('error', () => undefined);
      socket.once('close', () => {
        this.#sockets.delete(socket);
        other.resetAndDestroy();
      });
    }
    void this.#pump(client, server, 'sent');
    void this.#pump(server, client, 'received');
  }

  async #pump(from: Socket, to: Socket, direction: 'sent' | 'received'): Promise<void> {
    try {
      for await (const chunk of from as AsyncIterable<Buffer>) {
        for (let start = 0; start < chunk.length; start += PIECE) {
          const piece = chunk.subarray(start, start + PIECE);
          await this.#turn(direction, piece.length);
          if (to.destroyed) return;
          this[direction] += piece.length;
          const isFull = !to.write(piece);
          if (direction === 'sent') this.#tellWatches();
          if (isFull) await Promise.race([once(to, 'drain'), once(to, 'close')]);
        }
      }
      to.end();
    } catch {
      to.destroy();
    }
  }

  /** Resolves when the link has carried so many bytes. */
  async #turn(direction: 'sent' | 'received', bytes: number): Promise<void> {
    await this.#stalled;
    if (this.bytesPerSecond === null) return;
    const now = performance.now();
    const turn = Math.max(now, this.#turns[direction]) + (1000 * bytes) / this.bytesPerSecond;
    this.#turns[direction] = turn;
    // A timer's grain is a millisecond: shorter waits add up until they are worth one.
    if (turn - now > 2) await sleep(turn - now);
  }

  #tellWatches(): void {
    for (const watch of this.#watches.splice(0)) {
      if (this.sent >= watch.at) watch.then();
      else this.#watches.push(watch);
    }
  }
}
