import { Module } from '@nestjs/common';
import { AuditModule } from '../audit/audit.module.js';
import { ModelsModule } from '../models/models.module.js';
import { OutboxModule } from '../outbox/outbox.module.js';
import { StudiesController } from './studies.controller.js';
import { StudiesService } from './studies.service.js';

@Module({
  imports: [AuditModule, ModelsModule, OutboxModule],
  controllers: [StudiesController],
  providers: [StudiesService],
  exports: [StudiesService],
})
export class StudiesModule {}
