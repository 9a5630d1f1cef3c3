import { Module } from '@nestjs/common';
import { AggregationModule } from '../aggregation/aggregation.module.js';
import { AuditModule } from '../audit/audit.module.js';
import { BlobsModule } from '../blobs/blobs.module.js';
import { ModelsModule } from '../models/models.module.js';
import { OutboxModule } from '../outbox/outbox.module.js';
import { SitesModule } from '../sites/sites.module.js';
import { StudiesModule } from '../studies/studies.module.js';
import { AssignmentsService } from './assignments.service.js';
import { Departures } from './departures.service.js';
import { LateUpdates } from './late-updates.service.js';
import { Leases } from './leases.service.js';
import { ModelArithmetic } from './model-arithmetic.js';
import { ProgressService } from './progress.service.js';
import { QuarantineService } from './quarantine.service.js';
import { RoundDriver } from './round-driver.service.js';
import { RoundLog } from './round-log.js';
import { RoundOpening } from './round-opening.service.js';
import { RoundTransitions } from './round-transitions.service.js';
import { RoundsController } from './rounds.controller.js';
import { RoundsService } from './rounds.service.js';
import { UpdatesService } from './updates.service.js';

@Module({
  imports: [AggregationModule, AuditModule, BlobsModule, ModelsModule, OutboxModule, SitesModule, StudiesModule],
  controllers: [RoundsController],
  providers: [
    AssignmentsService,
    Departures,
    LateUpdates,
    Leases,
    ModelArithmetic,
    ProgressService,
    QuarantineService,
    RoundDriver,
    RoundLog,
    RoundOpening,
    RoundTransitions,
    RoundsService,
    UpdatesService,
  ],
  exports: [RoundDriver, ProgressService],
})
export class RoundsModule {}
