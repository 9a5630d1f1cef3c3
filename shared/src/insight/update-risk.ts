import type { Exposure } from '../admission/exposure.js';
import type { UpdateRisk } from '../protocol/insight.js';
import type { TrainingSettings } from '../protocol/study.js';

/**
 * Beyond these a person should look at an update. Set by judgement, not by how much was recovered from any update: within them
 * it may still reveal a patient.
 */
export const RISK_LIMITS = {
  /** Norm of the change in norms of the base, at most. */
  share: 0.5,
  /** To the mean change, at least: three times what a sketch may be off. */
  cosine: 0.1,
  /** Effective labelled volumes, at least, where there are any. */
  labelled: 2,
  /** Effective volumes of both kinds, at least. */
  volumes: 4,
  /** Shift of running moments in standard deviations of the base, at most. */
  shift: 1,
  /** Labelled voxels behind a prototype, at least. */
  support: 100,
} as const;

/**
 * Kish's effective number (sum n)^2 / sum n^2 of volumes behind `draws` patches of `volumes`, each drawn once before any is drawn
 * again: few draws rest on as many volumes as there were draws, many on nearly all. To a tenth.
 */
export function effectiveVolumes(volumes: number, draws: number): number {
  if (volumes === 0 || draws === 0) return 0;
  const [times, more] = [Math.floor(draws / volumes), draws % volumes];
  const squares = more * (times + 1) ** 2 + (volumes - more) * times ** 2;
  return Math.round((10 * draws ** 2) / squares) / 10;
}

/** What is known of an update, and of the round that it is in. */
export interface RiskFacts {
  norm: number;
  exposure: Exposure | null;
  cosine: number | null;
  /** Other accepted updates of the round. */
  others: number;
  /** As the site has signed them. */
  counts: { labelled: number; unlabelled: number; steps: number };
  training: Pick<TrainingSettings, 'labelledPerStep' | 'unlabelledPerStep'>;
}

export function updateRisk(facts: RiskFacts): UpdateRisk {
  const { norm, exposure, others, counts, training } = facts;
  const samples = {
    labelled: effectiveVolumes(counts.labelled, counts.steps * training.labelledPerStep),
    unlabelled: effectiveVolumes(counts.unlabelled, counts.steps * training.unlabelledPerStep),
  };
  const { share = null, statistics = null, support = null } = exposure ?? {};
  return { norm, share, others, samples, statistics, support, levels: levelsOf(facts, samples) };
}

function levelsOf({ exposure, cosine, others }: RiskFacts, samples: UpdateRisk['samples']): UpdateRisk['levels'] {
  const { labelled, unlabelled } = samples;
  const fewLabels = labelled > 0 && labelled < RISK_LIMITS.labelled;
  const least = Math.min(...(exposure?.support ?? []).flatMap((voxels) => voxels ?? []));
  return {
    norm: exposure && level(exposure.share > RISK_LIMITS.share),
    // Alone in its round an update goes wherever the consensus goes, and anyone who has the aggregate has the update.
    cosine: others === 0 ? 'look' : cosine === null ? null : level(cosine < RISK_LIMITS.cosine),
    samples: level(fewLabels || labelled + unlabelled < RISK_LIMITS.volumes),
    statistics: exposure?.statistics ? level(exposure.statistics.shift > RISK_LIMITS.shift) : null,
    support: least === Infinity ? null : level(least < RISK_LIMITS.support),
  };
}

function level(isBeyond: boolean): 'usual' | 'look' {
  return isBeyond ? 'look' : 'usual';
}
