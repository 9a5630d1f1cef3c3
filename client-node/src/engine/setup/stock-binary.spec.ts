import fs from 'node:fs/promises';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bareTfjsPackage, recordingReporter, temporaryFolder } from './setup.fixture.js';
import { hostAnswers, installStockBinary } from './stock-binary.js';
import type { TfjsPackage } from './tfjs-package.js';

/** Stands in for the package's installation script: it writes what that leaves, and deletes as that does. */
const script = `const fs = require('fs');
fs.rmSync('deps', { recursive: true, force: true });
fs.mkdirSync('deps/lib', { recursive: true });
fs.mkdirSync('lib/napi-v8', { recursive: true });
fs.writeFileSync('lib/napi-v8/tfjs_binding.node', process.argv.slice(2).join(' '));
fs.writeFileSync('package.json', '{}');`;

describe('stock binary', () => {
  let folder: string;
  let tfjs: TfjsPackage;
  let server: http.Server;
  let silent = false;

  beforeEach(async () => {
    folder = await temporaryFolder();
    silent = false;
    server = http.createServer((_request, response) => {
      if (!silent) response.writeHead(404).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    tfjs = {
      ...(await bareTfjsPackage(folder, '@tensorflow/tfjs-node')),
      binaryHost: `http://127.0.0.1:${String(port)}/x`,
    };
    await fs.writeFile(path.join(tfjs.directory, 'scripts', 'install.js'), script);
  });
  afterEach(async () => {
    server.closeAllConnections();
    server.close();
    await fs.rm(folder, { recursive: true });
  });

  const install = (directory: string): Promise<void> =>
    installStockBinary({ tfjs, directory, environment: {}, reporter: recordingReporter() });

  it('takes any answer of the host for a yes, and silence for a no', async () => {
    expect(await hostAnswers(tfjs.binaryHost)).toBe(true);
    silent = true;
    expect(await hostAnswers(tfjs.binaryHost, 50)).toBe(false);
    expect(await hostAnswers('http://127.0.0.1:9/')).toBe(false);
  });

  it('runs the script of the package in a copy', async () => {
    const directory = path.join(folder, 'entry');
    await install(directory);
    expect(await fs.readFile(path.join(directory, tfjs.addonFile), 'utf8')).toBe('cpu download');
    expect(await fs.readFile(path.join(tfjs.directory, 'package.json'), 'utf8')).toContain('4.22.0');
    expect(await fs.readdir(tfjs.directory)).not.toContain('deps');
  });

  it('says so when the script leaves no addon', async () => {
    await fs.writeFile(path.join(tfjs.directory, 'scripts', 'install.js'), `throw new Error('no such tarball')`);
    const failure = install(path.join(folder, 'entry'));
    await expect(failure).rejects.toMatchObject({ code: 'stock-unavailable' });
  });
});
