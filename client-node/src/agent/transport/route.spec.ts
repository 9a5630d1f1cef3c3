import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HttpsProxyAgent } from 'https-proxy-agent';
import { expect, test } from 'vitest';
import { lenientGate } from '../../egress/gate.fixture.js';
import { chooseEncoding } from './prepare-upload.js';
import { isExcepted, Route, type RouteSettings } from './route.js';

test('exceptions are names, suffixes or all', () => {
  const excepted = ['localhost', '.hospital.org', '*.inner', '10.0.0.1', '[::1]'.slice(1, -1)];
  for (const host of ['localhost', 'a.hospital.org', 'hospital.org', 'x.inner', '10.0.0.1', '[::1]'])
    expect([host, isExcepted(host, excepted)]).toEqual([host, true]);
  for (const host of ['otherhospital.org', 'hospital.org.evil', '10.0.0.11'])
    expect(isExcepted(host, excepted)).toBe(false);
  expect(isExcepted('anything', ['*'])).toBe(true);
});

test('the customary proxy is for https only, the node’s own for both', () => {
  const tunnels = (server: string, settings: RouteSettings) =>
    new Route(server, lenientGate(), settings).agent instanceof HttpsProxyAgent;
  const [own, customary] = [{ proxy: 'http://proxy:3128' }, { httpsProxy: 'http://proxy:3128' }];
  expect([tunnels('http://server', own), tunnels('https://server', own)]).toEqual([true, true]);
  expect([tunnels('http://server', customary), tunnels('https://server', customary)]).toEqual([false, true]);
  expect(tunnels('https://server', { ...customary, noProxy: ['server'] })).toBe(false);
});

test('a CA file that is none is one sentence', () => {
  const folder = mkdtempSync(join(tmpdir(), 'consilium-ca-'));
  const caFile = join(folder, 'ca.pem');
  expect(() => new Route('https://server', lenientGate(), { caFile })).toThrow(
    /^caFile: .* cannot be read \(ENOENT\)$/,
  );
  writeFileSync(caFile, 'no certificate');
  expect(() => new Route('https://server', lenientGate(), { caFile })).toThrow(
    /^caFile: expected PEM certificates in /,
  );
  rmSync(folder, { recursive: true });
});

test('an encoding is what the study accepts and this site prefers', () => {
  expect(chooseEncoding(['float32', 'delta'], 'auto')).toBe('delta');
  expect(chooseEncoding(['float16', 'delta', 'delta16'], 'auto')).toBe('delta16');
  expect(chooseEncoding(['delta'], 'float16')).toBe('delta');
  expect(chooseEncoding(['delta'], 'float32')).toBe('float32');
});
