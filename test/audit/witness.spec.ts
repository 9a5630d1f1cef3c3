import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeHome, requireEnrolment, silentLog, systemClock, Witness } from '@consilium/client-node';
import { lightStudy } from '@consilium/server/dist/simulation/federation.js';
import { CheckpointView, OperatorClient, parseCheckpoint } from '@consilium/shared';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LinkedSite } from '../support/linked-site.js';
import { OPERATOR, ServerProcess } from '../support/server-process.js';

describe('a node as witness of a real server', { timeout: 120_000 }, () => {
  let folder: string;
  let server: ServerProcess;
  let operator: OperatorClient;
  let site: LinkedSite;
  const start = async (port = 0): Promise<void> => {
    server = await ServerProcess.start(join(folder, 'home'), port);
    operator = await OperatorClient.logIn(server.url, OPERATOR);
  };
  const witness = async (): Promise<Witness> => {
    const home = nodeHome(site.folder);
    const { enrolment, key } = await requireEnrolment(home);
    return new Witness({
      home,
      site: enrolment,
      signer: () => Promise.resolve(key.signer),
      rest: site.rest,
      clock: systemClock,
      log: silentLog,
    });
  };
  const see = async (): Promise<number> =>
    (await (await witness()).see((await site.rest.assignment()).checkpoint)).size;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'consilium-witness-'));
    await start();
    site = await operator.admit('north', (code) => LinkedSite.enrol(server.url, code));
  }, 120_000);
  afterAll(async () => {
    site.close();
    await server.stop();
    rmSync(folder, { recursive: true });
  });

  it('A18 follows a log that grows, and stops at one that was put back to an earlier state', async () => {
    const first = await see();
    await server.stop();
    cpSync(join(folder, 'home'), join(folder, 'backup'), { recursive: true });
    await start(server.port);
    await operator.createStudy(lightStudy('kept by the site', {}));
    const second = await see();
    expect(second).toBeGreaterThan(first);

    await server.stop();
    rmSync(join(folder, 'home'), { recursive: true });
    cpSync(join(folder, 'backup'), join(folder, 'home'), { recursive: true });
    await start(server.port);
    const cut = await operator.get('/log/checkpoint', CheckpointView);
    expect(cut.size).toBeLessThan(second);
    await expect(see()).rejects.toMatchObject({
      kind: 'log-forked',
      message: expect.stringContaining('without a proof') as string,
    });
    for (const name of ['another', 'past']) await operator.createStudy(lightStudy(name, {}));
    expect(parseCheckpoint((await operator.get('/log/checkpoint', CheckpointView)).note)!.size).toBeGreaterThan(second);
    await expect(see()).rejects.toMatchObject({
      kind: 'log-forked',
      message: expect.stringContaining('that does not') as string,
    });
  });
});
