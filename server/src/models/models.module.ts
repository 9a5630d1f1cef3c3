import { Module } from '@nestjs/common';
import { AggregationModule } from '../aggregation/aggregation.module.js';
import { AuditModule } from '../audit/audit.module.js';
import { BlobsModule } from '../blobs/blobs.module.js';
import { OutboxModule } from '../outbox/outbox.module.js';
import { EvaluationsService } from './evaluations.service.js';
import { ModelSigning } from './model-signing.js';
import { ModelsController } from './models.controller.js';
import { ModelsService } from './models.service.js';

@Module({
  imports: [AggregationModule, AuditModule, BlobsModule, OutboxModule],
  controllers: [ModelsController],
  providers: [ModelsService, ModelSigning, EvaluationsService],
  exports: [ModelsService, ModelSigning, EvaluationsService],
})
export class ModelsModule {}
