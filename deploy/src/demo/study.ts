import { readFileSync } from 'node:fs';
import type { StudyDraft } from '@consilium/shared';

export interface DemoStudyOptions {
  phantoms: boolean;
  trainers: number;
  seed: number;
  rounds: number | undefined;
  studyFile: string | undefined;
  /** Studies of this demo before it: two with the same settings would be one study. */
  earlier: number;
  /** Digest of the model that the last of them ended with. */
  continueFrom: string | undefined;
}

/** Small enough for two cores: a first round within a minute, a Dice that visibly rises within five. */
const PHANTOM_STUDY: StudyDraft = {
  name: 'Phantom organs',
  model: { width: 8, prototypes: 8, patch: [32, 32, 32] },
  spacing: [1.5, 1.5, 1.5],
  training: { learningRate: 0.01, warmUpSteps: 24 },
  rounds: { count: 6, localSteps: 12 },
};

/**
 * The left atrium at 1.25 mm. 800 local steps in all, where 40,000 are published with a rate of 0.0025: so the rate is higher
 * and no channel is dropped.
 */
const MRI_STUDY: StudyDraft = {
  name: 'Left atrium',
  classNames: ['background', 'left atrium'],
  model: { width: 16, prototypes: 16, patch: [64, 64, 32] },
  spacing: [1.25, 1.25, 1.25],
  training: { learningRate: 0.05, warmUpSteps: 200, channelDropout: 0 },
  rounds: { count: 8, localSteps: 100 },
};

/** The demo's study: built-in settings, then those of `--study FILE`, then the flags. */
export function demoStudy(options: DemoStudyOptions): StudyDraft {
  const base = options.phantoms ? PHANTOM_STUDY : MRI_STUDY;
  const file =
    options.studyFile === undefined ? {} : (JSON.parse(readFileSync(options.studyFile, 'utf8')) as Partial<StudyDraft>);
  return {
    ...base,
    ...file,
    name: [file.name ?? base.name, ...(options.earlier === 0 ? [] : [options.earlier + 1])].join(' '),
    model: { ...base.model, ...file.model },
    training: { ...base.training, ...file.training },
    rounds: {
      deadlineSeconds: 6 * 3600,
      ...base.rounds,
      ...file.rounds,
      minimumSites: options.trainers,
      quorum: options.trainers,
      ...(options.rounds === undefined ? {} : { count: options.rounds }),
    },
    initial: options.continueFrom === undefined ? { seed: options.seed } : { digest: options.continueFrom },
  };
}
