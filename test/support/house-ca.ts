import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export const hasOpenssl = spawnSync('openssl', ['version']).status === 0;

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

function openssl(...args: string[]): void {
  execFileSync('openssl', args, { stdio: 'pipe' });
}

/** PEM files of a certificate and its key. */
export interface Issued {
  certFile: string;
  keyFile: string;
  pem(): { cert: Buffer; key: Buffer };
}

/** A certificate authority that nobody else knows, and what it has issued, in one folder. */
export class HouseCa {
  private constructor(private readonly folder: string) {}

  static make(folder: string): HouseCa {
    const ca = new HouseCa(folder);
    openssl(
      'req',
      '-x509',
      ...NEW_KEY,
      '-keyout',
      ca.#at('ca.key'),
      '-out',
      ca.file,
      '-subj',
      '/CN=House CA',
      '-days',
      '2',
    );
    return ca;
  }

  get file(): string {
    return this.#at('ca.pem');
  }

  /** For this machine; another one of the same name takes the former's place. */
  issue(name: string): Issued {
    const [certFile, keyFile, request] = [this.#at(`${name}.pem`), this.#at(`${name}.key`), this.#at(`${name}.csr`)];
    openssl('req', ...NEW_KEY, '-keyout', keyFile, '-out', request, '-subj', '/CN=localhost');
    writeFileSync(this.#at('names'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\n');
    const by = ['-CA', this.file, '-CAkey', this.#at('ca.key'), '-CAcreateserial', '-days', '2'];
    openssl('x509', '-req', '-in', request, '-out', certFile, ...by, '-extfile', this.#at('names'));
    return { certFile, keyFile, pem: () => ({ cert: readFileSync(certFile), key: readFileSync(keyFile) }) };
  }

  #at(name: string): string {
    return join(this.folder, name);
  }
}
