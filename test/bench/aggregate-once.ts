import { rmSync } from 'node:fs';
import { AggregationService } from '@consilium/server/dist/aggregation/aggregation.service.js';
import { AggregationSettings, ModelSettings, modelTensors, type RuleSettings } from '@consilium/shared';

/** What the bench asks of this process, and what it sends back. A process of its own, so that its peak memory is its own. */
export interface AggregateRequest {
  width: number;
  rule: RuleSettings;
  base: string;
  updates: string[];
  output: string;
  repeats: number;
}

export interface AggregateMeasure {
  /** Of the fastest repeat. */
  seconds: number;
  checkSeconds: number;
  idleBytes: number;
  peakBytes: number;
  digests: string[];
}

process.once('message', (request: AggregateRequest) => {
  void measure(request).then((result) => {
    process.send!(result);
    process.disconnect();
  });
});

async function measure({ width, rule, base, updates, output, repeats }: AggregateRequest): Promise<AggregateMeasure> {
  const service = new AggregationService();
  const tensors = modelTensors(ModelSettings.parse({ width }));
  const settings = AggregationSettings.parse({ rule });
  const optimiserOutput = `${output}-optimiser`;
  const model = { path: base, digest: 'base' };
  const check = async () => {
    const answer = await service.check({ base: model, update: updates[0], tensors, maximumNorm: Infinity });
    if ('reason' in answer) throw new Error(answer.sentence);
  };
  // As in a round: admission has measured the base before the first update is folded.
  await check();
  const idleBytes = process.memoryUsage.rss();
  const times: number[] = [];
  const digests: string[] = [];
  for (let repeat = 1; repeat <= repeats; repeat++) {
    const weighted = updates.map((update, i) => ({ path: update, weight: 1000 + i }));
    if (repeat % 2 === 0) weighted.reverse();
    const start = performance.now();
    const job = {
      base: model,
      updates: weighted,
      tensors,
      settings,
      seed: '',
      optimiser: null,
      output,
      optimiserOutput,
    };
    const { digest } = await service.aggregate(job);
    times.push(performance.now() - start);
    digests.push(digest);
    for (const file of [output, optimiserOutput]) rmSync(file, { force: true });
  }
  const start = performance.now();
  await check();
  const checkSeconds = (performance.now() - start) / 1000;
  const peakBytes = process.resourceUsage().maxRSS * 1024;
  await service.onApplicationShutdown();
  return { seconds: Math.min(...times) / 1000, checkSeconds, idleBytes, peakBytes, digests };
}
