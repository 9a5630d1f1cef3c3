import {
  signStudy,
  type ConsentDecision,
  type DsseEnvelope,
  type Signer,
  type StudyOffer,
  type StudyState,
} from '@consilium/shared';
import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { LogSigner } from '../audit/log-signer.js';

/** The newest are what a site is asked about; whoever keeps more drafts than this has forgotten them. */
const OFFERED = 20;

interface OfferRow {
  digest: string;
  state: StudyState;
  decision: ConsentDecision | null;
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
    const rows = await this.dataSource.query<OfferRow[]>(
      `SELECT s."digest", s."state", c."decision" FROM "study" s
       LEFT JOIN "consent" c ON c."study_id" = s."id" AND c."site_id" = $1
       WHERE s."state" IN ('draft', 'running', 'paused') ORDER BY s."created_at" DESC LIMIT ${OFFERED}`,
      [siteId],
    );
    if (rows.length === 0) return [];
    const { signer } = await this.signer.of();
    const offers: StudyOffer[] = [];
    for (const { digest, state, decision } of rows)
      offers.push({ digest, state, envelope: await this.#envelopeOf(digest, signer), consent: decision });
    return offers;
  }

  async #envelopeOf(digest: string, signer: Signer): Promise<DsseEnvelope> {
    const name = `${digest} ${signer.publicKey.x}`;
    const known = this.#signed.get(name);
    if (known) return known;
    // As it was written when the study was created: read through a later release's schema it could have another digest.
    const [{ manifest }] = await this.dataSource.query<{ manifest: unknown }[]>(
      'SELECT "manifest" FROM "study" WHERE "digest" = $1',
      [digest],
    );
    const envelope = signStudy(manifest, signer);
    this.#signed.set(name, envelope);
    return envelope;
  }
}
