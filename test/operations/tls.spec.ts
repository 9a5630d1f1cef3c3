import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { connect } from 'node:tls';
import { ControlSocket, silentLog } from '@consilium/client-node';
import { PROTOCOL_VERSION, type EnrolmentCode, type LoginAnswer } from '@consilium/shared';
import type { IncomingMessage } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasOpenssl, HouseCa, type Issued } from '../support/house-ca.js';
import { LinkedSite } from '../support/linked-site.js';
import { eventually } from '../support/rounds-bench.js';
import { OPERATOR, ServerProcess } from '../support/server-process.js';

describe.runIf(hasOpenssl)('A11 a server that speaks TLS itself', { timeout: 60_000 }, () => {
  let home: string;
  let ca: HouseCa;
  let own: Issued;
  let server: ServerProcess;
  beforeAll(async () => {
    home = mkdtempSync(join(tmpdir(), 'consilium-tls-'));
    ca = HouseCa.make(home);
    own = ca.issue('client');
    server = await start();
  }, 60_000);
  afterAll(async () => {
    await server.stop();
    rmSync(home, { recursive: true, force: true });
  });

  function start(certificate = ca.issue('server').certFile): Promise<ServerProcess> {
    const environment = {
      CONSILIUM_TLS_CERTIFICATE: certificate,
      CONSILIUM_TLS_KEY: join(home, 'server.key'),
      CONSILIUM_TLS_CLIENT_CA: ca.file,
    };
    return ServerProcess.start(join(home, 'server'), 0, { environment });
  }
  const trust = () => ({ ca: readFileSync(ca.file) });
  async function post(path: string, body: object, token = ''): Promise<{ answer: unknown; answered: IncomingMessage }> {
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` };
    const asked = request(`${server.url}/api/v1${path}`, { method: 'POST', headers, ...trust(), ...own.pem() });
    asked.end(JSON.stringify(body));
    const [answered] = (await once(asked, 'response')) as [IncomingMessage];
    return { answer: JSON.parse(await text(answered)), answered };
  }
  async function serial(): Promise<string> {
    const socket = connect({ port: server.port, host: '127.0.0.1', ...trust(), ...own.pem() });
    await once(socket, 'secureConnect');
    const { serialNumber } = socket.getPeerCertificate();
    socket.destroy();
    return serialNumber;
  }

  it('answers nobody in plain HTTP, nor without a certificate where it asks for one', async () => {
    expect(server.url).toMatch(/^https:/);
    await expect(fetch(`${server.url.replace('https', 'http')}/api/v1/health`)).rejects.toThrow();
    const stranger = request(`${server.url}/api/v1/health`, trust());
    stranger.end();
    const [error] = (await once(stranger, 'error')) as [Error];
    expect(error.message).toMatch(/certificate required|ECONNRESET|socket hang up/);
    const { answered } = await post('/login', OPERATOR);
    expect([answered.statusCode, answered.headers['strict-transport-security']]).toEqual([
      200,
      expect.stringContaining('max-age=') as string,
    ]);
  });

  it('lets a node in that has one: requests, uploads and the control line', async () => {
    const { token } = (await post('/login', OPERATOR)).answer as LoginAnswer;
    const { code } = (await post('/enrolment-codes', { name: 'with-tls' }, token)).answer as EnrolmentCode;
    const route = { caFile: ca.file, clientCertificate: own.certFile, clientKey: own.keyFile };
    const site = await LinkedSite.enrol(server.url, code, { route });
    await post(`/sites/${site.id}/approve`, { fingerprint: site.fingerprint }, token);
    expect((await site.rest.assignment()).offers).toEqual([]);
    // No study runs: that the server says so, it says over this connection.
    await expect(site.upload(Buffer.from('anything'))).rejects.toThrow('Upload refused: expected at most');
    const data = { labelled: 1, unlabelled: 0, validation: 0 };
    const line = await new Promise<ControlSocket>((resolve, reject) => {
      const socket: ControlSocket = new ControlSocket({
        route: site.route,
        proofs: site.proofs,
        hello: () => ({ protocolVersion: PROTOCOL_VERSION, software: 'test 0', engine: 'none', data }),
        log: silentLog,
        onWake: () => resolve(socket),
        onRefused: (sentence) => reject(new Error(sentence)),
      });
      socket.open();
    });
    line.close();
    const half = LinkedSite.open(site.folder, { url: server.url, route: { clientKey: own.keyFile } });
    await expect(half).rejects.toThrow('clientCertificate: expected it together with clientKey');
    site.close();
  });

  it('takes up a renewed certificate while it runs', async () => {
    const before = await serial();
    ca.issue('server');
    await eventually('the renewed certificate', async () => (await serial()) !== before);
  });

  it('does not start on a certificate that is none', async () => {
    await expect(start(join(home, 'nothing.pem'))).rejects.toThrow(
      /tlsCertificate: .*nothing.pem cannot be read \(ENOENT\)/,
    );
    await expect(start(own.certFile)).rejects.toThrow('does not go with its key');
  });
});
