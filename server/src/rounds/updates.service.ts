import { Inject, Injectable } from '@nestjs/common';
import type { Change, Refusal, RefusalReason, SubmitAnswer, UpdateManifest } from '@consilium/shared';
import { DataSource, type EntityManager } from 'typeorm';
import { BlobsService } from '../blobs/blobs.service.js';
import type { SiteCaller } from '../identity/caller.js';
import { Outbox } from '../outbox/outbox.service.js';
import { CLOCK, IDS, type Clock, type Ids } from '../settings/process-context.js';
import { SiteEntity } from '../sites/site.entity.js';
import { SitesService } from '../sites/sites.service.js';
import { lockStudy } from '../studies/studies.service.js';
import { StudyEntity } from '../studies/study.entity.js';
import { ContributionEntity } from './contribution.entity.js';
import { LateUpdates } from './late-updates.service.js';
import { ModelArithmetic } from './model-arithmetic.js';
import { QuarantineService, sketchToText } from './quarantine.service.js';
import { COLLECTING_STATES, openingOf } from './round-row.js';
import { RoundEntity } from './round.entity.js';
import { RoundTransitions } from './round-transitions.service.js';
import { readSignedManifest } from './signed-manifest.js';
import { UpdateEntity } from './update.entity.js';

interface Candidate {
  site: SiteCaller;
  jws: string;
  manifest: UpdateManifest;
  study: StudyEntity;
  /** The round that the site trained for, and the one that takes its update: another one where it is late and carried. */
  trained: RoundEntity;
  round: RoundEntity;
  contribution: ContributionEntity;
}

type Verdict = { refusal: Refusal; final: boolean } | { earlier: UpdateEntity } | { fit: true };

/** Admission: decides on every update before anything of it can touch an aggregate. */
@Injectable()
export class UpdatesService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly blobs: BlobsService,
    private readonly transitions: RoundTransitions,
    private readonly late: LateUpdates,
    private readonly sites: SitesService,
    private readonly outbox: Outbox,
    private readonly arithmetic: ModelArithmetic,
    private readonly quarantine: QuarantineService,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(IDS) private readonly ids: Ids,
  ) {}

  async submit(site: SiteCaller, jws: string): Promise<SubmitAnswer> {
    const { publicKey } = await this.dataSource.getRepository(SiteEntity).findOneByOrFail({ id: site.id });
    const manifest = await readSignedManifest(jws, site, publicKey);
    if ('reason' in manifest) return { accepted: false, refusal: manifest };
    const found = await this.#find(site, jws, manifest);
    if ('reason' in found) return { accepted: false, refusal: found };
    const verdict = await this.#judge(this.dataSource.manager, found);
    if ('earlier' in verdict) return { accepted: true, updateId: verdict.earlier.id };
    if ('refusal' in verdict) return this.#refuse(found, verdict.refusal, verdict.final);
    const content = await this.#judgeContent(found);
    if ('reason' in content) return this.#refuse(found, content, content.reason !== 'unknown-blob');
    return this.#accept(found, content);
  }

  async #find(site: SiteCaller, jws: string, manifest: UpdateManifest): Promise<Candidate | Refusal> {
    const { manager } = this.dataSource;
    const trained = await manager.findOneBy(RoundEntity, { id: manifest.roundId });
    if (!trained)
      return refusal(
        'wrong-round',
        `Update of ${site.name}: expected a round of this server, got ${manifest.roundId}, which it has not opened.`,
      );
    const study = await manager.findOneByOrFail(StudyEntity, { id: trained.studyId });
    if (study.digest !== manifest.studyDigest) {
      return refusal(
        'wrong-study',
        `Update of ${site.name}: expected the study ${study.digest}, got ${manifest.studyDigest}.`,
      );
    }
    const contribution = await manager.findOneBy(ContributionEntity, { roundId: trained.id, siteId: site.id });
    if (!contribution)
      return refusal(
        'not-a-member',
        `Update of ${site.name}: the site is not a member of round ${trained.number}, whose members were fixed when it opened.`,
      );
    const round = await this.#takingRound(manager, study, trained, site);
    return { site, jws, manifest, study, trained, round, contribution };
  }

  async #takingRound(
    manager: EntityManager,
    study: StudyEntity,
    trained: RoundEntity,
    site: SiteCaller,
  ): Promise<RoundEntity> {
    if (COLLECTING_STATES.includes(trained.state)) return trained;
    return (await this.late.receiver(study, trained, site.id, manager)) ?? trained;
  }

  /** Everything that the database knows; called again under the lock, because it may have changed meanwhile. */
  async #judge(manager: EntityManager, candidate: Candidate): Promise<Verdict> {
    const { site, jws, manifest, trained, round, contribution } = candidate;
    const earlier = await manager.findOneBy(UpdateEntity, { trainedRoundId: trained.id, siteId: site.id });
    if (earlier?.jws === jws) return { earlier };
    const no = (reason: RefusalReason, detail: string, final: boolean): Verdict => ({
      refusal: refusal(reason, `Update of ${site.name} for round ${trained.number}: ${detail}.`),
      final,
    });
    if (earlier) return no('duplicate-update', 'expected one update, got a second, different one', false);
    if (manifest.base !== trained.baseDigest)
      return no('wrong-base', `expected the base model ${trained.baseDigest}, got ${manifest.base}`, true);
    const { deadline } = openingOf(round);
    if (!COLLECTING_STATES.includes(round.state) || deadline <= this.clock.now()) {
      return no('round-closed', `the round was open until ${(round.closedAt ?? deadline).toISOString()}`, false);
    }
    const { enrolledLabelled, enrolledUnlabelled } = contribution;
    if (
      manifest.labelled > enrolledLabelled ||
      manifest.unlabelled > enrolledUnlabelled ||
      manifest.labelled + manifest.unlabelled === 0
    ) {
      const expected = `1 or more volumes, at most ${enrolledLabelled} labelled and ${enrolledUnlabelled} unlabelled ones`;
      return no(
        'counts-beyond-enrolled',
        `expected ${expected}, got ${manifest.labelled} and ${manifest.unlabelled}`,
        true,
      );
    }
    return { fit: true };
  }

  async #judgeContent({ site, manifest, study, trained }: Candidate): Promise<Refusal | Change> {
    const blob = await this.blobs.find(manifest.blob.digest);
    if (!blob)
      return refusal('unknown-blob', `Update of ${site.name}: the blob ${manifest.blob.digest} has not been uploaded.`);
    if (blob.bytes !== manifest.blob.bytes) {
      return refusal(
        'digest-mismatch',
        `Update of ${site.name}: expected a blob of ${manifest.blob.bytes} bytes, got one of ${blob.bytes}.`,
      );
    }
    return this.arithmetic.admit({ manifest: study.manifest, base: trained.baseDigest, blob: blob.digest });
  }

  /** `final`: the content itself is wrong, so that the round need not wait for this site; it may still send a better one. */
  async #refuse(candidate: Candidate, no: Refusal, final: boolean): Promise<SubmitAnswer> {
    if (final) await this.#storeRefusal(candidate, no);
    return { accepted: false, refusal: no };
  }

  async #storeRefusal({ site, study, round }: Candidate, no: Refusal): Promise<void> {
    await this.dataSource.transaction(async (manager) => {
      await lockStudy(manager, study.id);
      const open = await manager.findOneByOrFail(RoundEntity, { id: round.id });
      const answered = await manager.existsBy(UpdateEntity, { roundId: round.id, siteId: site.id });
      if (answered || !COLLECTING_STATES.includes(open.state)) return;
      const change = { state: 'refused', refusal: no, updatedAt: this.clock.now() } as const;
      await manager.update(ContributionEntity, { roundId: round.id, siteId: site.id }, change);
      await this.outbox.add(manager, { topic: 'round', subject: round.id });
    });
    this.outbox.poke();
  }

  async #accept(candidate: Candidate, change: Change): Promise<SubmitAnswer> {
    const answer = await this.dataSource.transaction(async (manager): Promise<SubmitAnswer> => {
      const study = await lockStudy(manager, candidate.study.id);
      const trained = await manager.findOneByOrFail(RoundEntity, { id: candidate.trained.id });
      const round = await this.#takingRound(manager, study, trained, candidate.site);
      const locked = { ...candidate, trained, round };
      const verdict = await this.#judge(manager, locked);
      if ('earlier' in verdict) return { accepted: true, updateId: verdict.earlier.id };
      if ('refusal' in verdict) return { accepted: false, refusal: verdict.refusal };
      const updateId = await this.#store(manager, locked, change);
      await this.quarantine.judgeLocked(manager, study, round);
      await this.transitions.applyLocked(manager, study, round, { type: 'update-accepted' });
      return { accepted: true, updateId };
    });
    this.outbox.poke();
    return answer;
  }

  async #store(
    manager: EntityManager,
    { site, jws, manifest, trained, round }: Candidate,
    { norm, sketch }: Change,
  ): Promise<string> {
    const id = this.ids.uuid();
    const now = this.clock.now();
    const staleness = round.number - trained.number;
    await manager.insert(UpdateEntity, {
      id,
      roundId: round.id,
      trainedRoundId: trained.id,
      staleness,
      siteId: site.id,
      jws,
      manifest,
      blobDigest: manifest.blob.digest,
      state: 'accepted',
      norm,
      sketch: sketchToText(sketch),
      receivedAt: now,
    });
    const { steps, metrics } = manifest;
    const change = { state: 'accepted', done: steps, total: steps, metrics, refusal: null, updatedAt: now } as const;
    await manager.update(ContributionEntity, { roundId: round.id, siteId: site.id }, change);
    await this.sites.prove(manager, site.id);
    return id;
  }
}

function refusal(reason: RefusalReason, sentence: string): Refusal {
  return { reason, sentence };
}
