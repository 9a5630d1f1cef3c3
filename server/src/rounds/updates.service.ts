import { Inject, Injectable } from '@nestjs/common';
import type { Change, Refusal, RefusalReason, SubmitAnswer, UpdateManifest } from '@consilium/shared';
import { DataSource, type EntityManager } from 'typeorm';
import { BlobsService } from '../blobs/blobs.service.js';
import type { SiteCaller } from '../identity/caller.js';
import { Outbox } from '../outbox/outbox.service.js';
import { CLOCK, IDS, type Clock, type Ids } from '../settings/process-context.js';
import { SiteEntity } from '../sites/site.entity.js';
import { lockStudy } from '../studies/studies.service.js';
import { StudyEntity } from '../studies/study.entity.js';
import { ContributionEntity } from './contribution.entity.js';
import { ModelArithmetic } from './model-arithmetic.js';
import { QuarantineService, sketchToText } from './quarantine.service.js';
import { RoundEntity } from './round.entity.js';
import { RoundTransitions } from './round-transitions.service.js';
import { readSignedManifest } from './signed-manifest.js';
import { UpdateEntity } from './update.entity.js';

interface Candidate {
  site: SiteCaller;
  jws: string;
  manifest: UpdateManifest;
  study: StudyEntity;
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
    const round = await manager.findOneBy(RoundEntity, { id: manifest.roundId });
    if (!round)
      return refusal(
        'wrong-round',
        `Update of ${site.name}: expected a round of this server, got ${manifest.roundId}, which it has not opened.`,
      );
    const study = await manager.findOneByOrFail(StudyEntity, { id: round.studyId });
    if (study.digest !== manifest.studyDigest) {
      return refusal(
        'wrong-study',
        `Update of ${site.name}: expected the study ${study.digest}, got ${manifest.studyDigest}.`,
      );
    }
    const contribution = await manager.findOneBy(ContributionEntity, { roundId: round.id, siteId: site.id });
    if (!contribution)
      return refusal(
        'not-a-member',
        `Update of ${site.name}: the site is not a member of round ${round.number}, whose members were fixed when it opened.`,
      );
    return { site, jws, manifest, study, round, contribution };
  }

  /** Everything that the database knows; called again under the lock, because it may have changed meanwhile. */
  async #judge(manager: EntityManager, { site, jws, manifest, round, contribution }: Candidate): Promise<Verdict> {
    const earlier = await manager.findOneBy(UpdateEntity, { roundId: round.id, siteId: site.id });
    if (earlier?.jws === jws) return { earlier };
    const no = (reason: RefusalReason, detail: string, final: boolean): Verdict => ({
      refusal: refusal(reason, `Update of ${site.name} for round ${round.number}: ${detail}.`),
      final,
    });
    if (earlier) return no('duplicate-update', 'expected one update, got a second, different one', false);
    if ((round.state !== 'open' && round.state !== 'collecting') || round.deadline <= this.clock.now()) {
      return no('round-closed', `the round was open until ${(round.closedAt ?? round.deadline).toISOString()}`, false);
    }
    if (manifest.base !== round.baseDigest)
      return no('wrong-base', `expected the base model ${round.baseDigest}, got ${manifest.base}`, true);
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

  async #judgeContent({ site, manifest, study, round }: Candidate): Promise<Refusal | Change> {
    const blob = await this.blobs.find(manifest.blob.digest);
    if (!blob)
      return refusal('unknown-blob', `Update of ${site.name}: the blob ${manifest.blob.digest} has not been uploaded.`);
    if (blob.bytes !== manifest.blob.bytes) {
      return refusal(
        'digest-mismatch',
        `Update of ${site.name}: expected a blob of ${manifest.blob.bytes} bytes, got one of ${blob.bytes}.`,
      );
    }
    return this.arithmetic.admit({ manifest: study.manifest, base: round.baseDigest, blob: blob.digest });
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
      if (answered || (open.state !== 'open' && open.state !== 'collecting')) return;
      const change = { state: 'refused', refusal: no, updatedAt: this.clock.now() } as const;
      await manager.update(ContributionEntity, { roundId: round.id, siteId: site.id }, change);
      await this.outbox.add(manager, { topic: 'round', subject: round.id });
    });
    this.outbox.poke();
  }

  async #accept(candidate: Candidate, change: Change): Promise<SubmitAnswer> {
    const answer = await this.dataSource.transaction(async (manager): Promise<SubmitAnswer> => {
      const study = await lockStudy(manager, candidate.study.id);
      const round = await manager.findOneByOrFail(RoundEntity, { id: candidate.round.id });
      const verdict = await this.#judge(manager, { ...candidate, round });
      if ('earlier' in verdict) return { accepted: true, updateId: verdict.earlier.id };
      if ('refusal' in verdict) return { accepted: false, refusal: verdict.refusal };
      const updateId = await this.#store(manager, candidate, change);
      await this.quarantine.judgeLocked(manager, study, round);
      await this.transitions.applyLocked(manager, study, round, { type: 'update-accepted' });
      return { accepted: true, updateId };
    });
    this.outbox.poke();
    return answer;
  }

  async #store(
    manager: EntityManager,
    { site, jws, manifest, study, round }: Candidate,
    { norm, sketch }: Change,
  ): Promise<string> {
    const id = this.ids.uuid();
    const now = this.clock.now();
    await manager.insert(UpdateEntity, {
      id,
      roundId: round.id,
      siteId: site.id,
      jws,
      manifest,
      blobDigest: manifest.blob.digest,
      weightThousandths: weightOf(manifest, study),
      state: 'accepted',
      norm,
      sketch: sketchToText(sketch),
      receivedAt: now,
    });
    const { steps, metrics } = manifest;
    const change = { state: 'accepted', done: steps, total: steps, metrics, refusal: null, updatedAt: now } as const;
    await manager.update(ContributionEntity, { roundId: round.id, siteId: site.id }, change);
    return id;
  }
}

/** Thousandths of a labelled volume. */
function weightOf({ labelled, unlabelled }: UpdateManifest, study: StudyEntity): number {
  return labelled * 1000 + unlabelled * Math.round(study.manifest.aggregation.unlabelledWeight * 1000);
}

function refusal(reason: RefusalReason, sentence: string): Refusal {
  return { reason, sentence };
}
