import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { connect, type Socket } from 'node:net';

/** An HTTP proxy as hospitals have it: it tunnels with CONNECT, for those who know the password, and nothing else. */
export class ConnectProxy {
  /** HOST:PORT of each tunnel. */
  readonly tunnels: string[] = [];
  readonly #sockets = new Set<Socket>();

  private constructor(
    private readonly server: Server,
    private readonly credentials: string,
  ) {
    server.on('connect', (request: IncomingMessage, client: Socket) => this.#tunnel(request, client));
    server.on('request', (_request, response) => response.writeHead(405).end());
  }

  static async start(credentials: string): Promise<ConnectProxy> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new ConnectProxy(server, credentials);
  }

  /** With or without the password. */
  url(credentials = this.credentials): string {
    const address = this.server.address();
    if (typeof address !== 'object' || address === null) throw new Error('proxy: expected to listen on a port');
    return `http://${credentials === '' ? '' : `${credentials}@`}127.0.0.1:${address.port}`;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  #tunnel(request: IncomingMessage, client: Socket): void {
    const expected = `Basic ${Buffer.from(this.credentials).toString('base64')}`;
    client.on('error', () => undefined);
    if (request.headers['proxy-authorization'] !== expected) {
      client.end('HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n');
      return;
    }
    const target = request.url ?? '';
    this.tunnels.push(target);
    const [host, port] = target.split(':');
    const server = connect(Number(port), host, () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      server.pipe(client).pipe(server);
    });
    server.on('error', () => client.destroy());
    client.on('close', () => server.destroy());
    for (const socket of [client, server]) this.#sockets.add(socket);
  }
}
