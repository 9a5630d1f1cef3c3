import { Module } from '@nestjs/common';
import { AuditModule } from '../audit/audit.module.js';
import { ModelsModule } from '../models/models.module.js';
import { OutboxModule } from '../outbox/outbox.module.js';
import { ReleasesController } from './releases.controller.js';
import { ReleasesService } from './releases.service.js';

@Module({
  imports: [AuditModule, ModelsModule, OutboxModule],
  controllers: [ReleasesController],
  providers: [ReleasesService],
})
export class ReleasesModule {}
