import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { encodeContainer, initialModel, StudyManifest } from '@consilium/shared';
import { describe, expect, it } from 'vitest';
import type { Attack } from '../trainer/messages.js';
import { writePhantomSite } from '../volumes/index.js';
import { verdictOn } from './risk-command.js';

const NODE = createRequire(import.meta.url).resolve('@consilium/client-node/dist/cli/main.js');

const attacks = (oneStep: number, update: number, other: number): Attack[] => [
  { gradient: 'one-step', cosine: 0.5, likeness: oneStep },
  { gradient: 'update', cosine: 0.5, likeness: update },
  { gradient: 'other-patch', cosine: 0.5, likeness: other },
];

describe('what an attack on an update says', () => {
  it('is a warning where the update gives the patch away', () => {
    expect(verdictOn(attacks(0.6, 0.4, 0.1))).toMatchObject({ recovered: true });
  });

  it('is that nothing was recovered where one step gives the patch away and the update does not', () => {
    expect(verdictOn(attacks(0.6, 0.15, 0.1))).toMatchObject({ recovered: false });
  });

  it('is nothing at all where not even one step gives the patch away', () => {
    expect(verdictOn(attacks(0.15, 0.12, 0.1))).toMatchObject({ recovered: null });
  });
});

it(
  'runs on a site of phantoms, keeps images where asked to, and leaves nothing else behind',
  { timeout: 120_000 },
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'consilium-risk-'));
    try {
      const model = { width: 2, prototypes: 2, patch: [16, 16, 16] };
      const study = StudyManifest.parse({
        name: 'risk',
        spacing: [1, 1, 1],
        model,
        rounds: { count: 1, localSteps: 2 },
      });
      writeFileSync(join(folder, 'study.json'), JSON.stringify(study));
      writeFileSync(join(folder, 'model'), encodeContainer(initialModel(study.model, 1)));
      await writePhantomSite(join(folder, 'site'), {
        site: 'one',
        seed: 1,
        labelled: 2,
        unlabelled: 0,
        shape: [24, 24, 24],
      });
      const flags = { home: 'home', data: 'site', model: 'model', study: 'study.json', out: 'images' };
      const paths = Object.entries(flags).flatMap(([name, path]) => [`--${name}`, join(folder, path)]);
      const { stdout } = await promisify(execFile)(process.execPath, [
        NODE,
        'risk',
        ...paths,
        '--iterations',
        '2',
        '--json',
      ]);
      const answer = JSON.parse(stdout) as { attacks: Attack[]; sentence: string };
      expect(answer.attacks.map(({ gradient }) => gradient)).toEqual(['one-step', 'update', 'other-patch']);
      for (const { likeness } of answer.attacks) expect(Math.abs(likeness)).toBeLessThanOrEqual(1);
      expect(readdirSync(join(folder, 'images')).sort()).toEqual(
        ['one-step', 'original', 'other-patch', 'update'].map((name) => `${name}.nii.gz`),
      );
      expect(readdirSync(join(folder, 'home'))).toEqual(['cache']);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
);
