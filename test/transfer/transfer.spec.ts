import { fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ControlSocket, prepareUpload, silentLog, systemClock, type RouteSettings } from '@consilium/client-node';
import {
  decodeContainer,
  encodeContainer,
  OperatorClient,
  PROTOCOL_VERSION,
  Random,
  SiteTraffic,
  digestOfBytes,
} from '@consilium/shared';
import { ConnectProxy } from '../support/connect-proxy.js';
import { LinkedSite } from '../support/linked-site.js';
import { OPERATOR, ServerProcess } from '../support/server-process.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { hasOpenssl } from '../support/house-ca.js';
import { TlsFront } from '../support/tls-front.js';

const UPLOAD = new URL('./upload-process.mjs', import.meta.url).pathname;
/** A model of 5.4 MB, so that uploads of 6 MB are let in. */
const STUDY = {
  name: 'transfers',
  model: { width: 6, prototypes: 2, patch: [16, 16, 16] as [number, number, number] },
};
/** Bytes a second of links of 30 and 4 Mbit/s. */
const [FAST, SLOW] = [3_750_000, 500_000];

let home: string;
let server: ServerProcess;
let operator: OperatorClient;
const toClose: { close(): unknown }[] = [];
beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'consilium-transfer-'));
  server = await ServerProcess.start(home);
  operator = await OperatorClient.logIn(server.url, OPERATOR);
  const study = await operator.createStudy({ ...STUDY, transfer: { encodings: ['delta', 'float16', 'delta16'] } });
  await operator.setStudy(study.id, 'start');
});
afterAll(async () => {
  for (const each of toClose.reverse()) await each.close();
  await server.stop();
  rmSync(home, { recursive: true, force: true });
});

const kept = <T extends { close(): unknown }>(each: T): T => {
  toClose.push(each);
  return each;
};
async function enrolled(name: string, options: Parameters<typeof LinkedSite.enrol>[2] = {}): Promise<LinkedSite> {
  return kept(await operator.admit(name, (code) => LinkedSite.enrol(options.url ?? server.url, code, options)));
}
const stored = (digest: string) => digestOfBytes(readFileSync(join(home, 'blobs', digest.slice(0, 2), digest)));
const link = async (bytesPerSecond: number | null = null) => {
  const proxy = kept(await TcpProxy.start(server.url));
  proxy.bytesPerSecond = bytesPerSecond;
  return proxy;
};

/** As the agent does it: a server that cannot be reached is asked again. */
async function patiently<T>(question: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await question();
    } catch (error) {
      if (attempt === 20 || (error as { kind?: string }).kind !== 'server-unreachable') throw error;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}

describe('an upload', () => {
  it('A3 whose node dies at 60 % goes on from its offset when the node is back', async () => {
    const site = await enrolled('dies');
    const bytes = randomBytes(4_000_000);
    const file = join(site.folder, 'update');
    writeFileSync(file, bytes);
    const proxy = await link(2_000_000);
    const upload = () =>
      fork(UPLOAD, [site.folder, file, digestOfBytes(bytes), proxy.url], { stdio: 'ignore', execArgv: [] });
    const first = upload();
    await proxy.whenSent(0.6 * bytes.length);
    first.kill('SIGKILL');
    await once(first, 'exit');
    const [code] = (await once(upload(), 'exit')) as [number];
    expect(code).toBe(0);
    expect(stored(digestOfBytes(bytes))).toBe(digestOfBytes(bytes));
    expect(proxy.sent / bytes.length).toBeLessThan(1.05);
    // What the server has is not sent again.
    const before = proxy.sent;
    expect(await once(upload(), 'exit')).toEqual([0, null]);
    expect(proxy.sent - before).toBeLessThan(10_000);
  });

  it('A22 over links of 30 and 4 Mbit/s that are reset again and again sends at most 5 % more than there is', async () => {
    const model = (await (await enrolled('any')).rest.assignment()).model!;
    const over = async (name: string, speed: number, size: number, cutEvery: number) => {
      const site = await enrolled(name);
      const proxy = await link(speed);
      const linked = kept(await LinkedSite.open(site.folder, { url: proxy.url }));
      proxy.cutEvery(cutEvery);
      const bytes = randomBytes(size);
      await patiently(() => linked.upload(bytes));
      expect(stored(digestOfBytes(bytes))).toBe(digestOfBytes(bytes));
      const [sent, connections] = [proxy.sent, proxy.connections];
      const path = await patiently(() => linked.blobs().fetch(model.blob));
      expect(digestOfBytes(readFileSync(path))).toBe(model.blob.digest);
      return { up: sent / size, down: proxy.received / model.blob.bytes, connections };
    };
    const [fast, slow] = await Promise.all([over('fast', FAST, 6_000_000, 900), over('slow', SLOW, 2_500_000, 2_200)]);
    for (const { up, down, connections } of [fast, slow]) {
      expect(connections).toBeGreaterThan(2);
      expect(up).toBeLessThan(1.05);
      expect(down).toBeLessThan(1.05);
    }
  });

  it('goes on after a silence of the link', async () => {
    const site = await enrolled('silent');
    const proxy = await link(4_000_000);
    const linked = kept(await LinkedSite.open(site.folder, { url: proxy.url }));
    const bytes = randomBytes(2_000_000);
    const done = linked.upload(bytes);
    await proxy.whenSent(1_000_000);
    proxy.stall();
    await new Promise((resolve) => setTimeout(resolve, 500));
    proxy.resume();
    await done;
    expect(stored(digestOfBytes(bytes))).toBe(digestOfBytes(bytes));
  });

  it('is coded as the study and the site have it, and arrives as what was signed', async () => {
    const site = await enrolled('coded');
    const { model } = await site.rest.assignment();
    const base = await site.blobs().fetch(model!.blob);
    const { tensors } = decodeContainer(new Uint8Array(readFileSync(base)));
    const random = Random.from(1);
    for (const { data } of tensors.values())
      for (let i = 0; i < data.length; i++)
        data[i] = Number(data[i]) * (1 + 1e-3 * random.normal()) + 1e-5 * random.normal();
    const content = encodeContainer(tensors);
    const file = join(site.folder, 'trained');
    writeFileSync(file, content);
    const sent: Record<string, number> = {};
    for (const encoding of ['delta', 'float16', 'delta16'] as const) {
      const update = { digest: digestOfBytes(content), bytes: content.length };
      const fetchBase = () => Promise.resolve(base);
      const folder = mkdtempSync(join(site.folder, 'round-'));
      const prepared = await prepareUpload({ update, file, folder, base: model!.blob.digest, fetchBase, encoding });
      expect(prepared.encoding).toBe(encoding);
      expect(prepared.blob.digest === update.digest).toBe(encoding === 'delta');
      await site.send(prepared);
      expect(stored(prepared.blob.digest)).toBe(prepared.blob.digest);
      sent[encoding] = prepared.wireBytes / content.length;
    }
    expect(sent['delta']).toBeLessThan(0.9);
    expect(sent['float16']).toBeLessThan(0.51);
    expect(sent['delta16']).toBeLessThan(sent['float16']);
    const traffic = await operator.get('/traffic', SiteTraffic.array());
    const up = traffic.find(({ siteId, direction }) => siteId === site.id && direction === 'up')!;
    const expected = Object.values(sent).reduce((sum, share) => sum + share * content.length, 0);
    expect(up.bytes).toBe(Math.round(expected));
    expect(up.bytesPerSecond).toBeGreaterThan(0);
  });
});

describe('a hospital', () => {
  it.runIf(hasOpenssl)('A25 behind a CONNECT proxy, with a CA of its own, is connected in every way', async () => {
    const folder = mkdtempSync(join(home, 'tls-'));
    const front = kept(await TlsFront.start(server.url, folder));
    const proxy = kept(await ConnectProxy.start('node:secret'));
    const settings: RouteSettings = { proxy: proxy.url(), caFile: front.caFile };
    const site = await enrolled('behind', { url: front.url, route: settings });
    const bytes = randomBytes(300_000);
    await site.upload(bytes);
    expect(stored(digestOfBytes(bytes))).toBe(digestOfBytes(bytes));
    const { model } = await site.rest.assignment();
    expect(digestOfBytes(readFileSync(await site.blobs().fetch(model!.blob)))).toBe(model!.blob.digest);
    const data = { labelled: 1, unlabelled: 0, validation: 0 };
    const hello = { protocolVersion: PROTOCOL_VERSION, software: 'test 0', engine: 'none', data };
    await new Promise<void>((resolve, reject) => {
      const socket = new ControlSocket({
        route: site.route,
        proofs: site.proofs,
        hello: () => hello,
        log: silentLog,
        onWake: resolve,
        onRefused: (sentence) => reject(new Error(sentence)),
      });
      kept(socket);
      socket.open();
    });
    await expect.poll(async () => (await operator.sites()).find(({ id }) => id === site.id)?.connected).toBe(true);
    expect(proxy.tunnels.length).toBeGreaterThan(0);
    expect(new Set(proxy.tunnels)).toEqual(new Set([new URL(front.url).host]));

    const asked = async (route: RouteSettings) =>
      (await LinkedSite.open(site.folder, { url: front.url, route })).rest.health().then(
        () => 'connected',
        (error: unknown) => (error as Error).message,
      );
    expect(await asked({ ...settings, noProxy: ['localhost'] })).toBe('connected');
    expect(await asked({ proxy: proxy.url() })).toMatch(
      /^the server .* cannot be reached: its certificate is not trusted here \(/,
    );
    expect(await asked({ ...settings, proxy: proxy.url('') })).toMatch(
      /^the proxy before .* wants a name and a password/,
    );
    expect(await asked({ ...settings, proxy: 'http://127.0.0.1:9' })).toMatch(
      /by the proxy 127.0.0.1:9\).*nothing listens there/,
    );
  });

  it('A25 whose clock is ten minutes off works, and one whose server has no address hears so in a sentence', async () => {
    const offset = { ...systemClock, now: () => Date.now() - 600_000 };
    const site = await enrolled('off', { clock: offset });
    expect((await site.rest.assignment()).study?.manifest.name).toBe(STUDY.name);
    await site.upload(randomBytes(1000));
    const lost = kept(await LinkedSite.open(site.folder, { url: 'http://no-such-server.invalid' }));
    await expect(lost.rest.health()).rejects.toThrow(
      /^the server http:\/\/no-such-server.invalid cannot be reached: [^\n]+$/,
    );
  });
});
