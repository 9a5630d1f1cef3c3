import { ConsentStatement, openJws, parseJson, type StudyConsent } from '@consilium/shared';
import { Inject, Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { actorOf, AuditLog } from '../audit/audit-log.js';
import { ApiError } from '../http/api-error.js';
import { sentenceOfIssues } from '../http/schema.pipe.js';
import type { SiteCaller } from '../identity/caller.js';
import { Outbox } from '../outbox/outbox.service.js';
import { CLOCK, type Clock } from '../settings/process-context.js';
import { SiteEntity } from '../sites/site.entity.js';
import { ConsentEntity } from './consent.entity.js';
import { lockStudy } from './studies.service.js';
import { StudyEntity } from './study.entity.js';

/** What sites have said to studies, in their own signed words. Rounds are opened with those who have consented. */
@Injectable()
export class Consents {
  constructor(
    private readonly dataSource: DataSource,
    private readonly outbox: Outbox,
    private readonly log: AuditLog,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** The same word again changes nothing. */
  async record(site: SiteCaller, jws: string): Promise<void> {
    const { decision, studyDigest } = await this.#read(site, jws);
    const study = await this.dataSource.getRepository(StudyEntity).findOneBy({ digest: studyDigest });
    if (!study) throw new ApiError('not-found', `There is no study with the digest ${studyDigest}.`);
    await this.dataSource.transaction(async (manager) => {
      const { id: studyId } = await lockStudy(manager, study.id);
      const key = { studyId, siteId: site.id };
      if (await manager.existsBy(ConsentEntity, { ...key, decision })) return;
      await manager.upsert(ConsentEntity, { ...key, decision, jws, decidedAt: this.clock.now() }, [
        'studyId',
        'siteId',
      ]);
      await this.outbox.add(manager, { topic: 'study', subject: studyId });
      const type = decision === 'given' ? 'consent-given' : 'consent-withdrawn';
      await this.log.append(manager, {
        type,
        actor: actorOf(site),
        ...{ siteId: site.id, site: site.name, studyDigest, jws },
      });
    });
    this.outbox.poke();
  }

  /** In the order of the sites' names. */
  async list(studyId: string): Promise<StudyConsent[]> {
    if (!(await this.dataSource.manager.existsBy(StudyEntity, { id: studyId })))
      throw new ApiError('not-found', 'There is no such study.');
    const rows = await this.dataSource
      .getRepository(ConsentEntity)
      .createQueryBuilder('consent')
      .innerJoin(SiteEntity, 'site', 'site.id = consent.site_id')
      .select(['site.id AS id', 'site.name AS name', 'consent.decision AS decision', 'consent.decided_at AS at'])
      .where('consent.study_id = :studyId', { studyId })
      .orderBy('site.name')
      .getRawMany<{ id: string; name: string; decision: StudyConsent['decision']; at: Date }>();
    return rows.map(({ id, name, decision, at }) => ({ siteId: id, site: name, decision, at: at.toISOString() }));
  }

  async #read(site: SiteCaller, jws: string): Promise<ConsentStatement> {
    const { publicKey } = await this.dataSource.getRepository(SiteEntity).findOneByOrFail({ id: site.id });
    const opened = openJws(jws, publicKey);
    if (opened === null || (opened.kid ?? site.id) !== site.id) {
      throw new ApiError(
        'invalid-request',
        `Consent of ${site.name}: expected a signature by the site's enrolled key.`,
      );
    }
    const parsed = ConsentStatement.safeParse(parseJson(opened.payload));
    if (!parsed.success)
      throw new ApiError('invalid-request', sentenceOfIssues(`The consent of ${site.name}`, parsed.error.issues));
    if (parsed.data.siteId !== site.id) {
      const sentence = `Consent of ${site.name}: expected its own id ${site.id}, got ${parsed.data.siteId}.`;
      throw new ApiError('invalid-request', sentence);
    }
    return parsed.data;
  }
}

/** Whether the site's last word on this study is yes. */
export function hasConsented(manager: EntityManager, studyId: string, siteId: string): Promise<boolean> {
  return manager.existsBy(ConsentEntity, { studyId, siteId, decision: 'given' });
}

/** Ids of the sites whose last word on this study is yes. */
export async function consentingSites(manager: EntityManager, studyId: string): Promise<Set<string>> {
  const given = await manager.findBy(ConsentEntity, { studyId, decision: 'given' });
  return new Set(given.map(({ siteId }) => siteId));
}
