import { keyThumbprint, signStudy, type DsseEnvelope, type StudyOffer, type StudyState } from '@consilium/shared';
import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { LogSigner } from '../audit/log-signer.js';
import { ConsentEntity } from './consent.entity.js';

/** The newest are what a site is asked about; whoever keeps more drafts than this has forgotten them. */
const OFFERED = 20;

interface StudyRow {
  id: string;
  digest: string;
  state: StudyState;
  /** As it was written when the study was created: read through a later release's schema it could have another digest. */
  manifest: unknown;
}

/** What a site may consent to: each study's settings, signed with the key that signs the log. */
@Injectable()
export class StudyOffers {
  /** By study and key; the same settings are signed once. */
  readonly #signed = new Map<string, DsseEnvelope>();

  constructor(
    private readonly dataSource: DataSource,
    private readonly signer: LogSigner,
  ) {}

  async of(siteId: string): Promise<StudyOffer[]> {
    const studies = await this.dataSource.query<StudyRow[]>(
      `SELECT "id", "digest", "state", "manifest" FROM "study" WHERE "state" IN ('draft', 'running', 'paused')
       ORDER BY "created_at" DESC LIMIT ${OFFERED}`,
    );
    if (studies.length === 0) return [];
    const consents = await this.dataSource.getRepository(ConsentEntity).findBy({ siteId });
    const decisions = new Map(consents.map(({ studyId, decision }) => [studyId, decision]));
    const { signer } = await this.signer.of();
    const key = keyThumbprint(signer.publicKey);
    return studies.map(({ id, digest, state, manifest }) => {
      const name = `${digest} ${key}`;
      const envelope = this.#signed.get(name) ?? signStudy(manifest, signer);
      this.#signed.set(name, envelope);
      return { digest, state, envelope, consent: decisions.get(id) ?? null };
    });
  }
}
