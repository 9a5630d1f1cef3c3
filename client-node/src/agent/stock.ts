import type { DataCard } from '@consilium/shared';
import { NodeFailure } from '../settings/failure.js';
import type { Survey } from '../trainer/messages.js';
import type { AgentOptions } from './agent.js';

type Means = Pick<AgentOptions, 'site' | 'data' | 'validation' | 'trainer' | 'log' | 'report'>;

/** What this node computes with, and how many volumes it has. Rejects where a site has none that its role needs. */
export async function takeStock(means: Means, signal: AbortSignal): Promise<Survey> {
  const { site, data, validation, trainer, log, report } = means;
  report({ state: 'starting' });
  const needsTraining = site.role === 'trainer';
  const survey = await trainer.run({ kind: 'survey', data, validation, needsTraining }, { signal });
  for (const finding of survey.findings) log.warn(finding);
  requireVolumes(survey.card, means);
  const { labelled, unlabelled, validation: measured } = survey.card;
  log.info(`engine ${survey.engine}`);
  log.info(`data: ${labelled} labelled, ${unlabelled} unlabelled, ${measured} validation volumes`);
  report({ state: 'ready', engine: survey.engine, ...survey.card });
  return survey;
}

function requireVolumes(card: DataCard, options: Means): void {
  if (options.site.role === 'trainer' && card.labelled + card.unlabelled === 0) {
    throw new NodeFailure(
      'bad-data',
      `${options.data ?? 'no data folder'}: expected at least one readable volume in images/, got none; "consilium-node data check" says why`,
    );
  }
  if (options.site.role === 'observer' && card.validation === 0) {
    throw new NodeFailure(
      'bad-data',
      `${options.validation ?? 'no validation folder'}: an observer needs at least one labelled volume, got none`,
    );
  }
}
