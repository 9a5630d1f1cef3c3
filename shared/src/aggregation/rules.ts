import type { RuleSettings } from '../protocol/aggregation-settings.js';
import type { AggregationRule } from './aggregation-rule.js';
import { fedAdam } from './fedadam.js';
import { fedAvg } from './fedavg.js';
import { fedAvgM } from './fedavgm.js';
import { fedYogi } from './fedyogi.js';
import { krum } from './krum.js';
import { coordinateMedian } from './median.js';
import { normClipping } from './norm-clipping.js';
import { trimmedMean } from './trimmed-mean.js';

/** The rule that a study names. */
export function ruleOf(settings: RuleSettings): AggregationRule {
  switch (settings.name) {
    case 'fedavg':
      return fedAvg();
    case 'fedavgm':
      return fedAvgM(settings);
    case 'fedadam':
      return fedAdam(settings);
    case 'fedyogi':
      return fedYogi(settings);
    case 'norm-clipping':
      return normClipping(settings);
    case 'median':
      return coordinateMedian();
    case 'trimmed-mean':
      return trimmedMean(settings);
    case 'krum':
      return krum(settings);
  }
}
