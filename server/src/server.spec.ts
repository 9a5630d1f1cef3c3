import 'reflect-metadata';
import { fork, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import request from 'supertest';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestServer } from './testing/test-server.js';

/** The process as it is shipped: what `tsc -b` has made of these sources. */
const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'consilium-process-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Ended {
  code: number | null;
  said: string;
}

function serve(...flags: string[]): { child: ChildProcess; ready: Promise<string>; ended: Promise<Ended> } {
  const child = fork(MAIN, ['serve', '--log-level', 'error', ...flags], { silent: true, env: {} });
  let said = '';
  for (const stream of [child.stdout!, child.stderr!]) stream.on('data', (text: Buffer) => (said += text.toString()));
  const ended = new Promise<Ended>((resolve) => child.once('close', (code) => resolve({ code, said })));
  const ready = new Promise<string>((resolve, reject) => {
    child.once('message', (message) => resolve((message as { url: string }).url));
    void ended.then(({ said: text }) => reject(new Error(text)));
  });
  ready.catch(() => undefined);
  return { child, ready, ended };
}

describe('the process', () => {
  it(
    'starts on a new home, prints its password once, ends on SIGTERM, and shares neither home nor port',
    { timeout: 120_000 },
    async () => {
      const home = join(folder, 'home');
      const first = serve('--home', home, '--port', '0');
      const url = await first.ready;
      expect((await request(url).get('/api/v1/health')).body).toMatchObject({ status: 'ok' });

      const second = await serve('--home', home, '--port', '0').ended;
      expect(second).toMatchObject({
        code: 2,
        said: expect.stringMatching(/^The home folder .* is in use by the server process \d+; .*\n$/) as string,
      });
      first.child.kill('SIGTERM');
      const ended = await first.ended;
      expect(ended.code).toBe(0);
      expect(ended.said).toMatch(/Operator operator was created with the password \S{20} \(shown only this once\)/);

      const blocker = createServer().listen(0, '127.0.0.1');
      const { port } = await new Promise<{ port: number }>((resolve) =>
        blocker.once('listening', () => resolve(blocker.address() as { port: number })),
      );
      const blocked = await serve('--home', home, '--port', String(port)).ended;
      expect(blocked).toMatchObject({
        code: 15,
        said: expect.stringMatching(/^Port \d+ on 127.0.0.1 is taken by another program; .*\n$/) as string,
      });
      const next = serve('--home', home, '--port', String(port), '--next-free-port');
      expect(Number(new URL(await next.ready).port)).toBeGreaterThan(port);
      blocker.close();
      next.child.kill('SIGINT');
      expect(await next.ended).toMatchObject({ code: 0, said: expect.not.stringContaining('password') as string });
    },
  );

  it('says in one sentence what is wrong with its settings', async () => {
    expect(await serve('--home', join(folder, 'x'), '--port', 'http').ended).toMatchObject({
      code: 2,
      said: expect.stringContaining('port:') as string,
    });
    expect((await serve().ended).said).toMatch(/^The server's settings are not usable: home: .*\n$/);
  });
});

describe('the web side', () => {
  it('serves the dashboard under any path, the document of the API, and strict headers', async () => {
    const dashboard = join(folder, 'dashboard');
    mkdirSync(join(dashboard, 'assets'), { recursive: true });
    writeFileSync(join(dashboard, 'index.html'), '<title>Consilium</title>');
    writeFileSync(join(dashboard, 'assets', 'app.js'), '1');
    const server = await TestServer.start({ settings: { dashboard } });
    try {
      const web = request(server.url);
      for (const path of ['/', '/studies/7'])
        expect((await web.get(path).set('Accept', 'text/html')).text).toContain('Consilium');
      expect((await web.get('/assets/app.js')).text).toBe('1');
      expect((await web.get('/api/v1/nothing').set('Accept', 'text/html')).status).toBe(404);
      const document = (await web.get('/docs/openapi.json')).body as {
        paths: Record<string, { post?: { requestBody?: unknown } }>;
      };
      expect(document.paths['/api/v1/studies'].post!.requestBody).toBeDefined();
      const { headers } = await web.get('/');
      expect(headers['content-security-policy']).toContain("script-src 'self' 'wasm-unsafe-eval'");
      expect(headers['x-powered-by']).toBeUndefined();
    } finally {
      await server.close();
    }
  });
});
