import { Module } from '@nestjs/common';
import { BlobsModule } from '../blobs/blobs.module.js';
import { ModelsModule } from '../models/models.module.js';
import { OutboxModule } from '../outbox/outbox.module.js';
import { SitesModule } from '../sites/sites.module.js';
import { AssignmentsService } from './assignments.service.js';
import { InProcessArithmetic } from './in-process-arithmetic.js';
import { MODEL_ARITHMETIC } from './model-arithmetic.js';
import { ProgressService } from './progress.service.js';
import { RoundDriver } from './round-driver.service.js';
import { RoundOpening } from './round-opening.service.js';
import { RoundTransitions } from './round-transitions.service.js';
import { RoundsController } from './rounds.controller.js';
import { RoundsService } from './rounds.service.js';
import { UpdatesService } from './updates.service.js';

@Module({
  imports: [BlobsModule, ModelsModule, OutboxModule, SitesModule],
  controllers: [RoundsController],
  providers: [
    AssignmentsService,
    ProgressService,
    RoundDriver,
    RoundOpening,
    RoundTransitions,
    RoundsService,
    UpdatesService,
    { provide: MODEL_ARITHMETIC, useClass: InProcessArithmetic },
  ],
  exports: [RoundDriver, ProgressService],
})
export class RoundsModule {}
