import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** A wire to a server that keeps every byte that clients send, by connection. */
export class RecordingProxy {
  readonly #sent: Buffer[][] = [];
  readonly #sockets = new Set<Socket>();

  private constructor(
    private readonly server: Server,
    target: { host: string; port: number },
  ) {
    server.on('connection', (client: Socket) => {
      const sent: Buffer[] = [];
      this.#sent.push(sent);
      client.on('data', (piece: Buffer) => sent.push(piece));
      const onward = connect(target);
      for (const socket of [client, onward]) {
        this.#sockets.add(socket);
        socket.on('error', () => undefined);
        socket.once('close', () => {
          client.destroy();
          onward.destroy();
        });
      }
      client.pipe(onward);
      onward.pipe(client);
    });
  }

  static async start(target: string): Promise<RecordingProxy> {
    const { hostname, port } = new URL(target);
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new RecordingProxy(server, { host: hostname, port: Number(port) });
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** What was sent over each connection. */
  get recorded(): Buffer[] {
    return this.#sent.map((pieces) => Buffer.concat(pieces));
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.server.close();
  }
}
