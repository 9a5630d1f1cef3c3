import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { writePhantomSite } from '@consilium/client-node';
import type { EgressEntry } from '@consilium/client-node/dist/egress/egress-log.js';
import { CONTROL_LINE, OperatorClient, proofClaims, type StudyDraft } from '@consilium/shared';
import { eventually } from '../support/rounds-bench.js';
import { OPERATOR, ServerProcess } from '../support/server-process.js';
import { contentOf, type Captured } from './content.js';
import { dissect } from './dissect.js';
import { RecordingProxy } from './recording-proxy.js';

const NODE = createRequire(import.meta.url).resolve('@consilium/client-node/dist/cli/main.js');
const ENVIRONMENT = { ...process.env, CONSILIUM_NODE_ALLOW_JAVASCRIPT_ENGINE: 'true' };
/** Two steps of a tiny network: what is looked at is what is sent, not what is learned. */
const STUDY: StudyDraft = {
  name: 'capture',
  model: { width: 2, prototypes: 2, patch: [16, 16, 16] },
  spacing: [3, 3, 3],
  rounds: { count: 1, localSteps: 2 },
};

let folder: string;
let home: string;
let data: string;
let server: ServerProcess;
let proxy: RecordingProxy;
let operator: OperatorClient;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'consilium-egress-'));
  [home, data] = [join(folder, 'node'), join(folder, 'data')];
  const sizes = { labelled: 2, unlabelled: 1, validation: 1, shape: [24, 24, 16], spacing: [3, 3, 3] } as const;
  await writePhantomSite(data, { site: 'north', seed: 1, ...sizes });
  server = await ServerProcess.start(join(folder, 'server'));
  proxy = await RecordingProxy.start(server.url);
  operator = await OperatorClient.logIn(server.url, OPERATOR);
  await operator.admit('north', async (code) => {
    const said = JSON.parse(await command('enrol', proxy.url, code, '--json')) as Record<string, string>;
    return { id: said['siteId'], fingerprint: said['fingerprint'] };
  });
});
afterAll(async () => {
  proxy.close();
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function command(...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [NODE, ...args, '--home', home], { env: ENVIRONMENT });
  return stdout;
}

const run = () =>
  spawn(process.execPath, [NODE, 'run', '--home', home, '--data', data, '--poll-seconds', '1', '--until-finished'], {
    env: ENVIRONMENT,
    stdio: 'ignore',
  });
const logged = async (...args: string[]) =>
  JSON.parse(await command('egress', 'log', '--last', '1000', '--json', ...args)) as EgressEntry[];
const captured = (): Captured => contentOf(proxy.recorded.map(dissect));

async function startStudy(name: string): Promise<string> {
  const study = await operator.createStudy({ ...STUDY, name });
  await operator.setStudy(study.id, 'start');
  return study.digest;
}

/** As the site's people do it, beside the node that runs. */
async function accept(study: string): Promise<void> {
  await eventually('the node to have been offered the study', async () =>
    (JSON.parse(await command('studies', 'list', '--json')) as { digest: string }[]).some(
      ({ digest }) => digest === study,
    ),
  );
  await command('studies', 'accept', study.slice(0, 12));
}

/** Of the volumes, what would show in plain text or as bytes of a file. */
function tracesOfVolumes(): Buffer[] {
  return ['images', 'labels'].flatMap((kind) => {
    const names = readdirSync(join(data, kind));
    const bytes = names.map((name) => readFileSync(join(data, kind, name)).subarray(64, 96));
    return [...names.map((name) => Buffer.from(name.split('.')[0])), ...bytes];
  });
}

test(
  'A16 of all that a node sends in a study there is nothing that its own log does not name',
  { timeout: 120_000 },
  async () => {
    const study = await startStudy('capture');
    const ended = once(run(), 'exit');
    await accept(study);
    expect(await ended).toEqual([0, null]);
    const entries = await logged();
    const { contents, uploads, tokens, strangeHeaders } = captured();

    const passed = entries.filter(({ objection }) => objection === null);
    const named = new Set(passed.map(({ way, digest }) => `${way} ${digest}`));
    expect(contents.filter(({ way, digest }) => !named.has(`${way} ${digest}`))).toEqual([]);
    expect(strangeHeaders).toEqual([]);
    expect(new Set(contents.map(({ way }) => way.replace(/[0-9a-f]{64}|[?].*/, '')))).toEqual(
      new Set([
        'POST /enrol',
        'GET /health',
        'GET /site/approval',
        'GET /site/assignment',
        'GET /blobs/',
        'POST /site/consents',
        'POST /site/updates',
        'POST /site/evaluations',
        'POST /site/log/cosignatures',
        'GET /log/keys',
        'GET /log/proof/consistency',
        'GET /log/proof/inclusion',
        'socket hello',
        'socket progress',
      ]),
    );

    const [update] = entries.filter(({ what }) => what === 'update');
    const { encoding, base, model, modelBytes } = update.facts;
    expect(uploads).toEqual([
      { digest: update.digest, metadata: { digest: model, encoding, bytes: String(modelBytes), base } },
    ]);

    const claims = tokens.map(({ token, request }) => {
      const { htm, htu, body, jti, ...rest } = JSON.parse(
        Buffer.from(token.split('.')[1], 'base64url').toString(),
      ) as Record<string, unknown>;
      expect(Object.keys(rest)).toEqual(['iss', 'aud', 'iat', 'exp']);
      // What a token says besides is what the request says anyway.
      const isUpload = request?.path.startsWith('/api/v1/uploads') === true;
      const bytes = request === null || isUpload || request.body.length === 0 ? undefined : request.body;
      expect({ htm, htu, body }).toEqual({
        body: undefined,
        ...proofClaims({ ...(request ?? CONTROL_LINE), body: bytes }),
      });
      return jti;
    });
    expect(new Set(claims).size).toBe(tokens.length);

    const all = Buffer.concat(proxy.recorded);
    expect(all.length).toBeGreaterThan(update.bytes);
    expect(tracesOfVolumes().filter((trace) => all.includes(trace))).toEqual([]);

    // Kept for the site's own TensorBoard; that it is no part of what is sent stands in agent.spec.ts.
    const curves = join(home, 'tensorboard', study.slice(0, 12));
    const figures = Buffer.concat(readdirSync(curves).map((name) => readFileSync(join(curves, name))));
    for (const name of ['training/learning_rate', 'part/dice', 'validation/dice'])
      expect(figures.includes(name), name).toBe(true);
  },
);

test(
  'A16 an update that the site’s policy stops never reaches the wire, and the log says why',
  { timeout: 120_000 },
  async () => {
    const policy = JSON.parse(await command('egress', 'policy')) as { update: { minimumSteps: number } };
    policy.update.minimumSteps = 50;
    const file = join(folder, 'policy.json');
    writeFileSync(file, JSON.stringify(policy));
    expect(await command('egress', 'policy', '--set', file)).toMatch(/^Set: egress policy [0-9a-f]{64}\n$/);
    const before = captured();

    const study = await startStudy('stopped');
    const node = run();
    await accept(study);
    const stopped = await eventually('the update to be stopped', async () => (await logged('--refused')).at(-1));
    // The round does not wait for what will not come.
    const [round] = await eventually('the round to be given up', async () => {
      const { id } = (await operator.studies()).find(({ digest }) => digest === study)!;
      const rounds = await operator.rounds(id);
      return rounds[0]?.state === 'aborted' && rounds;
    });
    expect(round.contributions).toMatchObject([{ state: 'refused', refusal: { reason: 'stopped-at-site' } }]);
    node.kill('SIGTERM');
    await once(node, 'exit');
    expect(stopped).toMatchObject({ what: 'update', objection: { reason: 'too-few-steps' }, policy: { isOwn: true } });
    expect(await command('egress', 'explain', String(stopped.index))).toMatch(
      /decision +stopped \(too-few-steps\): expected at least 50 steps, got 2\n/,
    );
    const after = captured();
    expect(after.uploads).toEqual(before.uploads);
    expect(after.contents.length).toBeGreaterThan(before.contents.length);
    const manifests = ({ contents }: Captured) => contents.filter(({ way }) => way === 'POST /site/updates').length;
    expect(manifests(after)).toBe(manifests(before));
  },
);

test('a log or a policy that somebody has changed is found out', async () => {
  const path = join(home, 'egress.log');
  const text = readFileSync(path, 'utf8');
  writeFileSync(path, text.replace('"what":"health"', '"what":"volume"'));
  await expect(command('egress', 'log')).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/line 2 is not as it was written/) as string,
  });
  writeFileSync(path, text);
  const policy = join(home, 'egress-policy.json');
  writeFileSync(policy, readFileSync(policy, 'utf8').replace('"minimumSteps": 50', '"minimumSteps": 1'));
  await expect(command('run', '--data', data)).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/as this site's key has signed it/) as string,
  });
  expect(createHash('sha256').update(readFileSync(path)).digest('hex')).toBe(
    createHash('sha256').update(text).digest('hex'),
  );
});
