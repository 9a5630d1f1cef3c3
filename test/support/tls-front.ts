import { once } from 'node:events';
import { connect, type AddressInfo } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import { HouseCa } from './house-ca.js';

/** TLS before a server that speaks plain HTTP, with a certificate of a CA that nobody else knows. */
export class TlsFront {
  readonly #sockets = new Set<TLSSocket>();

  private constructor(
    private readonly server: Server,
    readonly caFile: string,
  ) {}

  /** The CA's and the server's keys are made in `folder`. */
  static async start(target: string, folder: string): Promise<TlsFront> {
    const ca = HouseCa.make(folder);
    const { key, cert } = ca.issue('server').pem();
    const { hostname, port } = new URL(target);
    const server = createServer({ key, cert });
    const front = new TlsFront(server, ca.file);
    server.on('tlsClientError', () => undefined);
    server.on('secureConnection', (client) => {
      front.#sockets.add(client);
      const plain = connect(Number(port), hostname);
      plain.on('error', () => client.destroy());
      client.on('error', () => plain.destroy());
      client.on('close', () => plain.destroy());
      client.pipe(plain).pipe(client);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return front;
  }

  /** By name: the certificate is for it. */
  get url(): string {
    return `https://localhost:${(this.server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.server.close();
    await once(this.server, 'close');
  }
}
