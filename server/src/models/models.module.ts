import { Module } from '@nestjs/common';
import { BlobsModule } from '../blobs/blobs.module.js';
import { OutboxModule } from '../outbox/outbox.module.js';
import { EvaluationsService } from './evaluations.service.js';
import { ModelsController } from './models.controller.js';
import { ModelsService } from './models.service.js';

@Module({
  imports: [BlobsModule, OutboxModule],
  controllers: [ModelsController],
  providers: [ModelsService, EvaluationsService],
  exports: [ModelsService, EvaluationsService],
})
export class ModelsModule {}
