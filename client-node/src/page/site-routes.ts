import { DecideRequest, PredictRequest, type LocalSite, type LocalStudy } from '@consilium/shared';
import { z } from 'zod';
import { readEnrolment } from '../agent/enrolment.js';
import { SiteKey } from '../agent/identity.js';
import { readProgress } from '../agent/progress-file.js';
import { readStudies } from '../agent/studies-file.js';
import { Consents, decide } from '../egress/consents.js';
import { NodeFailure } from '../settings/failure.js';
import type { NodeHome, NodeSettings } from '../settings/node-settings.js';
import { SOFTWARE } from '../settings/software.js';
import type { LocalVolumes, View } from './local-volumes.js';
import { summariseSent } from './sent.js';
import type { Answer, Routes } from './site-page.js';

export interface SiteRoutesOptions {
  home: NodeHome;
  settings: Pick<NodeSettings, 'data' | 'acceptStudy'>;
  /** Undefined without a data folder. */
  volumes: LocalVolumes | undefined;
  /** Makes a prediction of one image and resolves with the name of the model. */
  predict: (image: string) => Promise<string>;
  now: () => Date;
}

const VIEWS: readonly string[] = ['image', 'label', 'prediction', 'disagreement'] satisfies View[];

/** All that the site's page asks and says. */
export function siteRoutes(options: SiteRoutesOptions): Routes {
  const { home, settings, volumes } = options;
  const consents = new Consents(home, settings.acceptStudy);
  return async (method, path, query, body): Promise<Answer | null> => {
    const [first, second = '', third = ''] = path.split('/').slice(1);
    const asked = `${method} ${first}${'/*'.repeat(path.split('/').length - 2)}`;
    switch (asked) {
      case 'GET site':
        return { json: await describeSite(options) };
      case 'GET sent':
        return { json: await summariseSent(home) };
      case 'GET studies':
        return { json: await studies(home, consents) };
      case 'POST studies/*':
        return { json: await answerStudy(options, consents, second, parsed(DecideRequest, body).decision) };
      case 'GET data':
        return { json: await needed(volumes).list(query.has('again')) };
      case 'POST predictions': {
        const { name } = parsed(PredictRequest, body);
        return { json: { name, model: await options.predict(await needed(volumes).imageOf(name)) } };
      }
      case 'GET volumes/*/*':
        return VIEWS.includes(third) ? { bytes: await needed(volumes).view(second, third as View) } : null;
      default:
        return null;
    }
  };
}

async function describeSite({ home, settings }: SiteRoutesOptions): Promise<LocalSite> {
  const enrolment = await readEnrolment(home);
  const key = await SiteKey.load(home.key);
  return {
    software: SOFTWARE,
    site:
      enrolment === undefined || key === undefined
        ? null
        : { name: enrolment.name, role: enrolment.role, server: enrolment.server, fingerprint: key.fingerprint },
    data: settings.data ?? null,
    progress: await readProgress(home),
  };
}

async function studies(home: NodeHome, consents: Consents): Promise<LocalStudy[]> {
  const seen = await readStudies(home);
  const decided = seen.map(async (study) => ({ ...study, decision: await consents.of(study.digest) }));
  return (await Promise.all(decided)).reverse();
}

async function answerStudy(
  { home, now }: SiteRoutesOptions,
  consents: Consents,
  digest: string,
  decision: 'accepted' | 'declined',
): Promise<LocalStudy[]> {
  const study = (await readStudies(home)).find((seen) => seen.digest === digest);
  if (study === undefined) throw new NodeFailure('usage', `There is no study ${digest} that this site was offered.`);
  await decide(home, digest, decision, now());
  return studies(home, consents);
}

function needed(volumes: LocalVolumes | undefined): LocalVolumes {
  if (volumes !== undefined) return volumes;
  throw new NodeFailure('usage', 'This page was started without --data: it knows no volumes.');
}

function parsed<T>(schema: z.ZodType<T>, body: unknown): T {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  throw new NodeFailure('usage', `The request is not understood: ${z.prettifyError(result.error)}`);
}
