import { evaluate } from './evaluate-job.js';
import type { JobRunner } from './job-loop.js';
import { predict } from './predict-job.js';
import { probeRisk } from './risk-job.js';
import { survey } from './survey-job.js';
import { train } from './train-job.js';
import type { Workshop } from './workshop.js';

export function createJobRunner(workshop: Workshop): JobRunner {
  return (job, context) => {
    switch (job.kind) {
      case 'survey':
        return survey(job, workshop);
      case 'train':
        return train(job, workshop, context);
      case 'evaluate':
        return evaluate(job, workshop, context);
      case 'predict':
        return predict(job, workshop, context);
      case 'risk':
        return probeRisk(job, workshop, context);
    }
  };
}
