import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { OperatorClient } from '@consilium/shared';
import { expect, it } from 'vitest';
import { OPERATOR, SERVER_PROGRAM, ServerProcess } from '../support/server-process.js';

const FAULTS = `
seed: 3
faults:
  - { round: 1, sites: [light-1], fault: stall }
  - { round: 1, sites: [light-2], fault: nan }
  - { round: 1, sites: [light-3], fault: twice }
  - { round: 2, sites: [light-4], fault: leave }
  - { round: 2, sites: [light-5], fault: slow, seconds: 1 }
`;

it(
  'a simulation runs light nodes with the faults of a script against a real server',
  { timeout: 120_000 },
  async () => {
    const home = mkdtempSync(join(tmpdir(), 'consilium-simulate-'));
    const server = await ServerProcess.start(home);
    try {
      const script = join(home, 'faults.yaml');
      writeFileSync(script, FAULTS);
      const options = { sites: 6, rounds: 2, lease: 6, faults: script, server: server.url };
      const flags = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
      const env = {
        ...process.env,
        CONSILIUM_OPERATOR_NAME: OPERATOR.name,
        CONSILIUM_OPERATOR_PASSWORD: OPERATOR.password,
      };
      const { stdout } = await promisify(execFile)(process.execPath, [SERVER_PROGRAM, 'simulate', ...flags], { env });
      expect(stdout).toMatch(/^light-2 was refused: .*NaN/m);
      expect(stdout).toMatch(/^round 1 committed: .*5 accepted/m);
      expect(stdout).toMatch(/^round 1 committed: .*1 lapsed/m);
      expect(stdout).toMatch(/^round 2 committed: .*[56] accepted/m);
      const operator = await OperatorClient.logIn(server.url, OPERATOR);
      const sites = await operator.sites();
      expect(sites.map(({ state }) => state)).toEqual(Array.from({ length: 6 }, () => 'revoked'));
      expect((await operator.rounds((await operator.studies())[0].id)).map(({ number }) => number)).toEqual([1, 2]);
    } finally {
      await server.stop();
      rmSync(home, { recursive: true, force: true });
    }
  },
);
