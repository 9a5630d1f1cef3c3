import { Module } from '@nestjs/common';
import { AuditModule } from '../audit/audit.module.js';
import { ModelsModule } from '../models/models.module.js';
import { OutboxModule } from '../outbox/outbox.module.js';
import { Consents } from './consents.service.js';
import { ConsentsController } from './consents.controller.js';
import { StudiesController } from './studies.controller.js';
import { StudiesService } from './studies.service.js';
import { StudyOffers } from './study-offers.js';

@Module({
  imports: [AuditModule, ModelsModule, OutboxModule],
  controllers: [StudiesController, ConsentsController],
  providers: [StudiesService, Consents, StudyOffers],
  exports: [StudiesService, StudyOffers],
})
export class StudiesModule {}
