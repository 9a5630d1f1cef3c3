import { Module } from '@nestjs/common';
import { AuditModule } from '../audit/audit.module.js';
import { OutboxModule } from '../outbox/outbox.module.js';
import { Presence } from './presence.js';
import { SitesController } from './sites.controller.js';
import { SitesService } from './sites.service.js';

@Module({
  imports: [AuditModule, OutboxModule],
  controllers: [SitesController],
  providers: [SitesService, Presence],
  exports: [SitesService, Presence],
})
export class SitesModule {}
