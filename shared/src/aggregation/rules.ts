import type { AggregationSettings } from '../protocol/study.js';
import type { AggregationRule } from './aggregation-rule.js';
import { fedAvg } from './fedavg.js';

/** Every rule that a study can name. */
export const aggregationRules: Record<AggregationSettings['rule'], AggregationRule> = { fedavg: fedAvg };
