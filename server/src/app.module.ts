import { Module, type DynamicModule } from '@nestjs/common';
import { AuditModule } from './audit/audit.module.js';
import { BlobsModule } from './blobs/blobs.module.js';
import { HealthController } from './http/health.controller.js';
import { IdentityModule } from './identity/identity.module.js';
import { InsightModule } from './insight/insight.module.js';
import { ModelsModule } from './models/models.module.js';
import { ObservabilityModule } from './observability/observability.module.js';
import { OutboxModule } from './outbox/outbox.module.js';
import { RealtimeModule } from './realtime/realtime.module.js';
import { ReleasesModule } from './releases/releases.module.js';
import { RoundsModule } from './rounds/rounds.module.js';
import { ProcessContextModule, type ProcessContext } from './settings/process-context.js';
import { SitesModule } from './sites/sites.module.js';
import { StudiesModule } from './studies/studies.module.js';
import { Ticker } from './ticker.js';

@Module({})
export class AppModule {
  static of(context: ProcessContext): DynamicModule {
    return {
      module: AppModule,
      imports: [
        ProcessContextModule.of(context),
        AuditModule,
        IdentityModule,
        SitesModule,
        BlobsModule,
        ModelsModule,
        ReleasesModule,
        StudiesModule,
        RoundsModule,
        InsightModule,
        RealtimeModule,
        OutboxModule,
        ObservabilityModule,
      ],
      controllers: [HealthController],
      providers: [Ticker],
    };
  }
}
