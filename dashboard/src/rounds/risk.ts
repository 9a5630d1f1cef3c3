import { RISK_LIMITS, type UpdateEvidence, type UpdateRisk } from '@consilium/shared';
import { formatCosine, formatNorm, formatShare, NONE, plural } from '../format/figures.js';
import type { Appearance } from '../frame/state.js';

export type Measure = keyof UpdateRisk['levels'];

interface MeasureText {
  title: string;
  /** What it says, and from where on one should look. */
  meaning: string;
  /** Completes "for its". */
  noun: string;
  shown: (evidence: Pick<UpdateEvidence, 'cosine' | 'risk'>) => string;
}

/** The measures of the risk panel, in the order of its columns. */
export const MEASURES: Record<Measure, MeasureText> = {
  norm: {
    title: 'Change',
    noun: 'change',
    meaning: `How far training moved the weights, and in lengths of the base: the further, the more of these volumes is in them. Look beyond ${formatShare(RISK_LIMITS.share)}.`,
    shown: ({ risk }) =>
      risk.share === null ? formatNorm(risk.norm) : `${formatNorm(risk.norm)} (${formatShare(risk.share)})`,
  },
  cosine: {
    title: 'Consensus',
    noun: 'direction',
    meaning: `Whether it goes where all accepted updates together go (1) or its own way (0): what no other site says is this site's alone. Look below ${RISK_LIMITS.cosine}, and where no other update was accepted, because then the aggregate is this update.`,
    shown: ({ cosine, risk }) => (risk.others === 0 ? 'no other update' : formatCosine(cosine)),
  },
  samples: {
    title: 'Rests on',
    noun: 'few volumes',
    meaning: `How many labelled and unlabelled volumes it effectively rests on, by the site's own counts: the fewer, the more it says of each. Look below ${RISK_LIMITS.labelled} labelled (where there are any) or ${RISK_LIMITS.volumes} in all.`,
    shown: ({ risk }) => `${risk.samples.labelled.toFixed(1)} + ${risk.samples.unlabelled.toFixed(1)}`,
  },
  statistics: {
    title: 'Batch norm',
    noun: 'batch norm',
    meaning: `How far the running mean and variance of the layer that moved most are from the base, in its standard deviations: they are moments of the site's own scans. Look beyond ${RISK_LIMITS.shift}; a first round starts from none, and mostly is.`,
    shown: ({ risk: { statistics } }) => {
      if (statistics === null) return NONE;
      return statistics.shift === 0 ? 'unchanged' : `${statistics.shift.toFixed(2)} in ${statistics.layer}`;
    },
  },
  support: {
    title: 'Prototypes',
    noun: 'prototypes',
    meaning: `The fewest labelled voxels behind a prototype of each class: the fewer, the nearer a prototype is to single voxels. Look below ${RISK_LIMITS.support}.`,
    shown: ({ risk }) => risk.support?.map((voxels) => voxels ?? NONE).join(' / ') ?? NONE,
  },
};

export const MEASURE_NAMES = Object.keys(MEASURES) as Measure[];

export const LEVELS: Record<'usual' | 'look', Appearance> = {
  usual: { icon: 'check', word: 'usual', tone: 'quiet' },
  look: { icon: 'warning', word: 'look at it', tone: 'warn' },
};

export function looksOf({ levels }: UpdateRisk): Measure[] {
  return MEASURE_NAMES.filter((measure) => levels[measure] === 'look');
}

/** "Look at 1 of 3 updates: villa-rosa for its change and batch norm." */
export function riskSummary(updates: readonly { site: string; risk: UpdateRisk }[]): string {
  const odd = updates.flatMap(({ site, risk }) => {
    const nouns = looksOf(risk).map((measure) => MEASURES[measure].noun);
    return nouns.length === 0 ? [] : `${site} for its ${listed(nouns)}`;
  });
  if (odd.length === 0) return `All measures of ${plural(updates.length, 'update')} are within the limits.`;
  return `Look at ${odd.length} of ${plural(updates.length, 'update')}: ${odd.join('; ')}.`;
}

function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join() : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
}
