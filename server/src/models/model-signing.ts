import {
  canonicalJson,
  digestOfBytes,
  modelStatement,
  signModel,
  type ModelCard,
  type NewLogEvent,
} from '@consilium/shared';
import { Inject, Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { SERVER } from '../audit/audit-log.js';
import { LogSigner } from '../audit/log-signer.js';
import type { StoredBlob } from '../blobs/blob-store.js';
import { ApiError } from '../http/api-error.js';
import { CLOCK, type Clock } from '../settings/process-context.js';
import type { StudyEntity } from '../studies/study.entity.js';
import { ModelSignatureEntity } from './model-signature.entity.js';

/** Names of the signed files: a folder of these two is what the signature covers. */
export const MODEL_FILES = { card: 'model-card.json', model: 'model.safetensors' } as const;

const INTENDED_USE =
  'Research on segmenting volumes like those that it was trained on. It is no medical device and not for diagnosis or treatment.';

const LIMITS = [
  'It was trained on the volumes of the sites named here, and nothing is known of others.',
  "Counts of volumes, steps and losses are the sites' own words; the server bounds counts by what a site's node declared.",
  'Labels of unlabelled volumes are what the model itself made of them.',
  'Weights are not anonymous: what a model has learned from a scan can in part be recovered.',
];

/** Puts the server's name to a model version and to what is known of it, when the version is made. */
@Injectable()
export class ModelSigning {
  constructor(
    private readonly dataSource: DataSource,
    private readonly signer: LogSigner,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** Inside the transaction that makes the version, after its row; the event is for the caller to append. */
  async sign(
    manager: EntityManager,
    study: Pick<StudyEntity, 'id' | 'digest' | 'manifest'>,
    { version, model, round }: { version: number; model: StoredBlob; round: ModelCard['round'] },
  ): Promise<NewLogEvent> {
    const { signer } = await this.signer.of(null, manager);
    const signedAt = this.clock.now();
    const card = canonicalJson({
      format: 'consilium-model-card/1',
      study: study.manifest.name,
      studyDigest: study.digest,
      version,
      createdAt: signedAt.toISOString(),
      model: { digest: model.digest, bytes: model.bytes },
      round,
      settings: study.manifest,
      intendedUse: INTENDED_USE,
      limits: LIMITS,
    } satisfies ModelCard);
    const files = { card: digestOfText(card), model: model.digest };
    const statement = modelStatement(`${study.manifest.name}, version ${version}`, [
      { name: MODEL_FILES.card, digest: files.card },
      { name: MODEL_FILES.model, digest: files.model },
    ]);
    const envelope = canonicalJson(signModel(statement, signer));
    await manager.insert(ModelSignatureEntity, { studyId: study.id, version, envelope, card, signedAt });
    const what = { studyDigest: study.digest, version, model: model.digest };
    return { type: 'model-signed', actor: SERVER, ...what, envelope: digestOfText(envelope), card: files.card };
  }

  /** The texts as they were signed. Versions from before the server signed any have none. */
  async of(studyId: string, version: number): Promise<Pick<ModelSignatureEntity, 'envelope' | 'card'>> {
    const row = await this.dataSource.getRepository(ModelSignatureEntity).findOneBy({ studyId, version });
    if (!row) throw new ApiError('not-found', `The server has signed no version ${version} of this study.`);
    return row;
  }
}

function digestOfText(text: string): string {
  return digestOfBytes(Buffer.from(text, 'utf8'));
}
