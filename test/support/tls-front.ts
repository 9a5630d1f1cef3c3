import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createServer, type Server, type TLSSocket } from 'node:tls';

export const hasOpenssl = spawnSync('openssl', ['version']).status === 0;

/** TLS before a server that speaks plain HTTP, with a certificate of a CA that nobody else knows. */
export class TlsFront {
  readonly #sockets = new Set<TLSSocket>();

  private constructor(
    private readonly server: Server,
    readonly caFile: string,
  ) {}

  /** The CA's and the server's keys are made in `folder`. */
  static async start(target: string, folder: string): Promise<TlsFront> {
    const { caFile, key, cert } = makeCertificates(folder);
    const { hostname, port } = new URL(target);
    const server = createServer({ key, cert });
    const front = new TlsFront(server, caFile);
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

function makeCertificates(folder: string): { caFile: string; key: Buffer; cert: Buffer } {
  const at = (name: string): string => join(folder, name);
  const openssl = (...args: string[]): void => void execFileSync('openssl', args, { stdio: 'pipe' });
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl(
    'req',
    '-x509',
    ...newKey,
    '-keyout',
    at('ca.key'),
    '-out',
    at('ca.pem'),
    '-subj',
    '/CN=House CA',
    '-days',
    '2',
  );
  openssl('req', ...newKey, '-keyout', at('server.key'), '-out', at('server.csr'), '-subj', '/CN=localhost');
  writeFileSync(at('names'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\n');
  const signing = [
    '-CA',
    at('ca.pem'),
    '-CAkey',
    at('ca.key'),
    '-CAcreateserial',
    '-days',
    '2',
    '-extfile',
    at('names'),
  ];
  openssl('x509', '-req', '-in', at('server.csr'), '-out', at('server.pem'), ...signing);
  return { caFile: at('ca.pem'), key: readFileSync(at('server.key')), cert: readFileSync(at('server.pem')) };
}
