import { Module } from '@nestjs/common';
import { BlobsModule } from '../blobs/blobs.module.js';
import { ModelsModule } from '../models/models.module.js';
import { AcceptedUpdates } from './accepted-updates.service.js';
import { CurvesService } from './curves.service.js';
import { EvidenceService } from './evidence.service.js';
import { InsightController } from './insight.controller.js';
import { LineageService } from './lineage.service.js';
import { ParticipationService } from './participation.service.js';
import { PrototypesService } from './prototypes.service.js';
import { RoundSummariesService } from './round-summaries.service.js';
import { TimelinesService } from './timelines.service.js';

@Module({
  imports: [BlobsModule, ModelsModule],
  controllers: [InsightController],
  providers: [
    AcceptedUpdates,
    CurvesService,
    EvidenceService,
    LineageService,
    ParticipationService,
    PrototypesService,
    RoundSummariesService,
    TimelinesService,
  ],
})
export class InsightModule {}
