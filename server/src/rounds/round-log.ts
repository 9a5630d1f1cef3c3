import {
  digestOfBytes,
  type CardContributor,
  type LeaveRound,
  type NewLogEvent,
  type Refusal,
} from '@consilium/shared';
import { Injectable } from '@nestjs/common';
import { IsNull, type EntityManager } from 'typeorm';
import { actorOf, AuditLog, SERVER } from '../audit/audit-log.js';
import type { OperatorCaller, SiteCaller } from '../identity/caller.js';
import { ModelSigning } from '../models/model-signing.js';
import { ModelVersionEntity } from '../models/model-version.entity.js';
import { SiteEntity } from '../sites/site.entity.js';
import { StudyEntity } from '../studies/study.entity.js';
import { ContributionEntity } from './contribution.entity.js';
import type { Decision, Judged } from './quarantine.service.js';
import { weightsOf } from './round-recipe.js';
import { COLLECTING_STATES } from './round-row.js';
import type { RoundEvent, RoundStatus } from './round-state.js';
import { RoundEntity } from './round.entity.js';
import { UpdateEntity } from './update.entity.js';

interface Change {
  study: StudyEntity;
  round: RoundEntity;
  after: RoundStatus;
  event: RoundEvent;
}

interface Received {
  study: StudyEntity;
  round: RoundEntity;
  site: SiteCaller;
  update: Pick<UpdateEntity, 'id' | 'jws' | 'manifest'>;
  /** Whose standing has changed with it, its own perhaps among them. */
  judged: readonly Judged[];
}

/** Tells the transparency log what becomes of rounds and updates; each call is the last of its transaction. */
@Injectable()
export class RoundLog {
  constructor(
    private readonly log: AuditLog,
    private readonly signing: ModelSigning,
  ) {}

  /** A round has gone into another state, with all that follows from it. */
  async changed(manager: EntityManager, { study, round, after, event }: Change): Promise<void> {
    const about = aboutRound(study, round);
    const events = await this.#undecided(manager, study, round, after);
    if (after.state === 'open') {
      const members = await memberNames(manager, round);
      events.push({ type: 'round-opened', actor: SERVER, ...about, base: round.baseDigest, members });
    }
    if (after.state === 'aborted')
      events.push({ type: 'round-aborted', actor: SERVER, ...about, reason: after.reason.slice(0, 1000) });
    if (after.state === 'committed') {
      const optimiserAfter = event.type === 'aggregated' ? (event.optimiser?.digest ?? null) : null;
      events.push(...(await this.#committed(manager, study, round, after, optimiserAfter)));
    }
    const { state, reason } = await manager.findOneByOrFail(StudyEntity, { id: study.id });
    if (state !== study.state) {
      const studyDigest = study.digest;
      events.push({
        type: 'study-state-changed',
        actor: SERVER,
        studyDigest,
        state,
        reason: reason?.slice(0, 1000) ?? null,
      });
    }
    if (events.length > 0) await this.log.append(manager, ...events);
  }

  /** Returns the index of the entry. */
  async received(manager: EntityManager, { study, round, site, update, judged }: Received): Promise<number> {
    const about = aboutRound(study, round);
    const own = judged.find(({ id }) => id === update.id);
    const verdict = own?.state ?? 'accepted';
    const { jws, manifest } = update;
    const names = await namesOf(manager);
    return this.log.append(
      manager,
      {
        type: 'update-received',
        actor: actorOf(site),
        ...about,
        ...siteOf(site),
        updateId: update.id,
        blob: manifest.blob,
        jws,
        verdict,
      },
      ...judged
        .filter((each) => each !== own)
        .map(({ id, siteId, state, sentence }): NewLogEvent => {
          const whose = { siteId, site: names.get(siteId)!, updateId: id };
          return { type: 'update-judged', actor: SERVER, ...about, ...whose, verdict: state, sentence };
        }),
    );
  }

  /** `roundId`: as the site named it; null where what it sent names none. Returns the index of the entry. */
  async refused(
    manager: EntityManager,
    { site, jws, roundId, refusal }: { site: SiteCaller; jws: string; roundId: string | null; refusal: Refusal },
  ): Promise<number> {
    const round = roundId === null ? null : await manager.findOneBy(RoundEntity, { id: roundId });
    const study = round && (await manager.findOneByOrFail(StudyEntity, { id: round.studyId }));
    return this.log.append(manager, {
      type: 'update-refused',
      actor: actorOf(site),
      ...(round && study ? aboutRound(study, round) : { studyDigest: null, roundId: null, number: null }),
      ...siteOf(site),
      submission: digestOfBytes(Buffer.from(jws, 'utf8')),
      ...refusal,
    });
  }

  /** A member sends no update. */
  async left(
    manager: EntityManager,
    {
      study,
      round,
      site,
      reason,
    }: { study: StudyEntity; round: RoundEntity; site: SiteCaller; reason: LeaveRound['reason'] },
  ): Promise<void> {
    const event = {
      type: 'member-left',
      actor: actorOf(site),
      ...aboutRound(study, round),
      ...siteOf(site),
      reason,
    } as const;
    await this.log.append(manager, event);
  }

  async decided(
    manager: EntityManager,
    operator: OperatorCaller,
    { round, update, decision }: { round: RoundEntity; update: UpdateEntity; decision: Decision },
  ): Promise<void> {
    const study = await manager.findOneByOrFail(StudyEntity, { id: round.studyId });
    const names = await namesOf(manager);
    await this.log.append(manager, {
      type: 'update-decided',
      actor: actorOf(operator),
      ...aboutRound(study, round),
      siteId: update.siteId,
      site: names.get(update.siteId)!,
      updateId: update.id,
      decision: decision === 'release' ? 'released' : 'refused',
    });
  }

  /** Updates that waited for a person when the round stopped waiting: refused, and no person's doing. */
  async #undecided(
    manager: EntityManager,
    study: StudyEntity,
    round: RoundEntity,
    after: RoundStatus,
  ): Promise<NewLogEvent[]> {
    const closes =
      COLLECTING_STATES.includes(round.state) && (after.state === 'aggregating' || after.state === 'aborted');
    if (!closes) return [];
    const rows = await manager.find(UpdateEntity, {
      select: { id: true, siteId: true },
      where: { roundId: round.id, state: 'refused', decidedAt: IsNull() },
      order: { siteId: 'ASC' },
    });
    if (rows.length === 0) return [];
    const names = await namesOf(manager);
    return rows.map(({ id, siteId }) => {
      const whose = { siteId, site: names.get(siteId)!, updateId: id };
      return { type: 'update-decided', actor: SERVER, ...aboutRound(study, round), ...whose, decision: 'refused' };
    });
  }

  async #committed(
    manager: EntityManager,
    study: StudyEntity,
    round: RoundEntity,
    { result }: Extract<RoundStatus, { state: 'committed' }>,
    optimiserAfter: string | null,
  ): Promise<NewLogEvent[]> {
    const contributors = await contributorsOf(manager, study, round);
    const before = await manager.findOneBy(ModelVersionEntity, { studyId: study.id, version: round.number - 1 });
    const total = contributors.reduce((sum, { card }) => sum + card.weight, 0);
    const signed = await this.signing.sign(manager, study, {
      version: round.number,
      model: result,
      round: {
        id: round.id,
        number: round.number,
        base: round.baseDigest,
        contributors: contributors.map(({ card }) => ({ ...card, weight: card.weight / total })),
      },
    });
    const committed: NewLogEvent = {
      type: 'round-committed',
      actor: SERVER,
      ...aboutRound(study, round),
      base: round.baseDigest,
      optimiserBefore: before?.optimiserDigest ?? null,
      updates: contributors.map(({ card: { siteId, site, update, weight }, updateId }) => {
        return { siteId, site, updateId, blob: update, weight };
      }),
      result,
      optimiserAfter,
    };
    return [committed, signed];
  }
}

/** Of the accepted updates, in the order of site ids; weights as they were aggregated. */
async function contributorsOf(
  manager: EntityManager,
  study: StudyEntity,
  round: RoundEntity,
): Promise<{ card: CardContributor; updateId: string }[]> {
  const updates = await manager.find(UpdateEntity, {
    select: { id: true, siteId: true, manifest: true, staleness: true, blobDigest: true },
    where: { roundId: round.id, state: 'accepted' },
    order: { siteId: 'ASC' },
  });
  const weights = weightsOf(updates, study.manifest, round);
  const names = await namesOf(manager);
  return updates.map(({ id, siteId, manifest: { labelled, unlabelled, steps, metrics }, blobDigest }, i) => {
    const counts = { labelled, unlabelled, steps, metrics };
    const card = { siteId, site: names.get(siteId)!, ...counts, weight: weights[i], update: blobDigest };
    return { card, updateId: id };
  });
}

async function memberNames(manager: EntityManager, round: RoundEntity): Promise<string[]> {
  const rows = await manager
    .createQueryBuilder(ContributionEntity, 'contribution')
    .innerJoin(SiteEntity, 'site', 'site.id = contribution.site_id')
    .select('site.name', 'name')
    .where('contribution.round_id = :id', round)
    .orderBy('site.name')
    .getRawMany<{ name: string }>();
  return rows.map(({ name }) => name);
}

async function namesOf(manager: EntityManager): Promise<Map<string, string>> {
  const sites = await manager.find(SiteEntity, { select: { id: true, name: true } });
  return new Map(sites.map(({ id, name }) => [id, name]));
}

function aboutRound(study: StudyEntity, round: RoundEntity): { studyDigest: string; roundId: string; number: number } {
  return { studyDigest: study.digest, roundId: round.id, number: round.number };
}

function siteOf({ id, name }: SiteCaller): { siteId: string; site: string } {
  return { siteId: id, site: name };
}
