import { LogCheckpointEntity } from '../audit/log-checkpoint.entity.js';
import { LogCosignatureEntity } from '../audit/log-cosignature.entity.js';
import { LogEntryEntity } from '../audit/log-entry.entity.js';
import { LogNodeEntity } from '../audit/log-node.entity.js';
import { BlobEntity } from '../blobs/blob.entity.js';
import { TransferEntity } from '../blobs/transfer.entity.js';
import { EnrolmentCodeEntity } from '../identity/enrolment-code.entity.js';
import { OperatorEntity } from '../identity/operator.entity.js';
import { OperatorSessionEntity } from '../identity/operator-session.entity.js';
import { SiteProofEntity } from '../identity/site-proof.entity.js';
import { ModelSignatureEntity } from '../models/model-signature.entity.js';
import { ModelVersionEntity } from '../models/model-version.entity.js';
import { OutboxEventEntity } from '../outbox/outbox-event.entity.js';
import { ContributionPhaseEntity } from '../rounds/contribution-phase.entity.js';
import { ContributionEntity } from '../rounds/contribution.entity.js';
import { EvaluationEntity } from '../models/evaluation.entity.js';
import { MetricPointEntity } from '../rounds/metric-point.entity.js';
import { RoundEntity } from '../rounds/round.entity.js';
import { UpdateEntity } from '../rounds/update.entity.js';
import { PresenceEntity } from '../sites/presence.entity.js';
import { SiteEntity } from '../sites/site.entity.js';
import { ModelReleaseEntity } from '../releases/model-release.entity.js';
import { ModelSignOffEntity } from '../releases/model-sign-off.entity.js';
import { ConsentEntity } from '../studies/consent.entity.js';
import { StudyEntity } from '../studies/study.entity.js';

export const entities = [
  OperatorEntity,
  OperatorSessionEntity,
  SiteEntity,
  SiteProofEntity,
  PresenceEntity,
  EnrolmentCodeEntity,
  BlobEntity,
  TransferEntity,
  StudyEntity,
  ConsentEntity,
  RoundEntity,
  ContributionEntity,
  ContributionPhaseEntity,
  UpdateEntity,
  MetricPointEntity,
  ModelVersionEntity,
  ModelSignatureEntity,
  ModelReleaseEntity,
  ModelSignOffEntity,
  EvaluationEntity,
  OutboxEventEntity,
  LogEntryEntity,
  LogNodeEntity,
  LogCheckpointEntity,
  LogCosignatureEntity,
];
