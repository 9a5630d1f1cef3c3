import { Inject, Injectable } from '@nestjs/common';
import type { Refusal, RefusalReason, SignedReceipt, SubmitAnswer, UpdateManifest } from '@consilium/shared';
import { DataSource, type EntityManager } from 'typeorm';
import type { Admitted } from '../aggregation/check-values.js';
import { Receipts } from '../audit/receipts.js';
import { BlobsService } from '../blobs/blobs.service.js';
import { ApiError } from '../http/api-error.js';
import type { SiteCaller } from '../identity/caller.js';
import { Outbox } from '../outbox/outbox.service.js';
import { CLOCK, IDS, type Clock, type Ids } from '../settings/process-context.js';
import { SiteEntity } from '../sites/site.entity.js';
import { SitesService } from '../sites/sites.service.js';
import { hasConsented } from '../studies/consents.service.js';
import { lockStudy } from '../studies/studies.service.js';
import { StudyEntity } from '../studies/study.entity.js';
import { ContributionEntity } from './contribution.entity.js';
import { LateUpdates } from './late-updates.service.js';
import { ModelArithmetic } from './model-arithmetic.js';
import { QuarantineService, sketchToText } from './quarantine.service.js';
import { COLLECTING_STATES, openingOf } from './round-row.js';
import { RoundLog } from './round-log.js';
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

/** What came in, as far as it was understood. */
type Sent = Pick<Candidate, 'site' | 'jws'> & { roundId: string | null };

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
    private readonly roundLog: RoundLog,
    private readonly receipts: Receipts,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(IDS) private readonly ids: Ids,
  ) {}

  async submit(site: SiteCaller, jws: string): Promise<SubmitAnswer> {
    const { publicKey } = await this.dataSource.getRepository(SiteEntity).findOneByOrFail({ id: site.id });
    const manifest = await readSignedManifest(jws, site, publicKey);
    if ('reason' in manifest) return this.#refuse({ site, jws, roundId: null }, manifest);
    const sent = { site, jws, roundId: manifest.roundId };
    const found = await this.#find(site, jws, manifest);
    if ('reason' in found) return this.#refuse(sent, found);
    const verdict = await this.#judge(this.dataSource.manager, found);
    if ('earlier' in verdict) return this.#repeat(verdict.earlier);
    if ('refusal' in verdict) return this.#refuse(sent, verdict.refusal, verdict.final ? found : null);
    const content = await this.#judgeContent(found);
    if ('reason' in content) return this.#refuse(sent, content, content.reason === 'unknown-blob' ? null : found);
    return this.#accept(found, content);
  }

  async receipt(updateId: string): Promise<SignedReceipt | null> {
    const update = await this.dataSource.getRepository(UpdateEntity).findOneBy({ id: updateId });
    if (!update) throw new ApiError('not-found', 'There is no such update.');
    return this.receipts.ofUpdate(update);
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
    if (!(await hasConsented(manager, trained.studyId, site.id)))
      return no('no-consent', "expected the site's consent to the study, got none that stands", true);
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

  async #judgeContent({ site, manifest, study, trained }: Candidate): Promise<Refusal | Admitted> {
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

  async #repeat(earlier: UpdateEntity): Promise<SubmitAnswer> {
    return { accepted: true, updateId: earlier.id, receipt: await this.receipts.ofUpdate(earlier) };
  }

  /** `final`: the content itself is wrong, so that the round need not wait for this site; it may still send a better one. */
  async #refuse(sent: Sent, refusal: Refusal, final: Candidate | null = null): Promise<SubmitAnswer> {
    const index = await this.dataSource.transaction(async (manager) => {
      if (final) await this.#storeRefusal(manager, final, refusal);
      return this.roundLog.refused(manager, { ...sent, refusal });
    });
    this.outbox.poke();
    return { accepted: false, refusal, receipt: await this.receipts.of(index) };
  }

  async #storeRefusal(manager: EntityManager, { site, study, round }: Candidate, refusal: Refusal): Promise<void> {
    await lockStudy(manager, study.id);
    const open = await manager.findOneByOrFail(RoundEntity, { id: round.id });
    const answered = await manager.existsBy(UpdateEntity, { roundId: round.id, siteId: site.id });
    if (answered || !COLLECTING_STATES.includes(open.state)) return;
    const change = { state: 'refused', refusal, updatedAt: this.clock.now() } as const;
    await manager.update(ContributionEntity, { roundId: round.id, siteId: site.id }, change);
    await this.outbox.add(manager, { topic: 'round', subject: round.id });
  }

  async #accept(candidate: Candidate, change: Admitted): Promise<SubmitAnswer> {
    const { site, jws, manifest } = candidate;
    const settled = await this.dataSource.transaction(async (manager) => {
      const study = await lockStudy(manager, candidate.study.id);
      const trained = await manager.findOneByOrFail(RoundEntity, { id: candidate.trained.id });
      const round = await this.#takingRound(manager, study, trained, candidate.site);
      const locked = { ...candidate, trained, round };
      const verdict = await this.#judge(manager, locked);
      if (!('fit' in verdict)) return verdict;
      const id = await this.#store(manager, locked, change);
      const judged = await this.quarantine.judgeLocked(manager, study, round);
      await this.transitions.applyLocked(manager, study, round, { type: 'update-accepted' });
      const update = { id, jws, manifest };
      return { id, index: await this.roundLog.received(manager, { study, round, site, update, judged }) };
    });
    this.outbox.poke();
    if ('earlier' in settled) return this.#repeat(settled.earlier);
    if ('refusal' in settled) return this.#refuse({ site, jws, roundId: manifest.roundId }, settled.refusal);
    return { accepted: true, updateId: settled.id, receipt: await this.receipts.of(settled.index) };
  }

  async #store(
    manager: EntityManager,
    { site, jws, manifest, trained, round }: Candidate,
    { norm, sketch, exposure }: Admitted,
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
      exposure,
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
