import { openSite, type DataCheck, type Site } from '../volumes/index.js';
import type { Survey, SurveyJob } from './messages.js';
import { describeEngine, type Workshop } from './workshop.js';

/** What this node is and has: its engine, and how many volumes of each kind can be used. */
export async function survey(job: SurveyJob, workshop: Workshop): Promise<Survey> {
  const engine = await (job.needsTraining ? workshop.trainingEngine() : workshop.engine());
  const cacheDir = workshop.options.cache;
  const data = job.needsTraining && job.data !== null ? await openSite(job.data, {}, { cacheDir }) : null;
  const measured = job.validation === null ? null : await openSite(job.validation, {}, { cacheDir });
  return {
    engine: describeEngine(engine),
    card: {
      labelled: data?.labelled.length ?? 0,
      unlabelled: data?.unlabelled.length ?? 0,
      validation: measured?.labelled.length ?? 0,
    },
    findings: [...findings(data, 'training'), ...findings(measured, 'training')],
  };
}

function findings(site: Site | null, split: DataCheck['volumes'][number]['split']): string[] {
  if (site === null) return [];
  const leftOut = site.check.volumes.filter((volume) => volume.split === split && volume.problems.length > 0);
  return [...site.check.problems, ...leftOut.map(({ name, problems }) => `volume ${name} is left out: ${problems[0]}`)];
}
