import { Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { ThrottlerModule } from '@nestjs/throttler';
import { AuditModule } from '../audit/audit.module.js';
import { OutboxModule } from '../outbox/outbox.module.js';
import { SETTINGS } from '../settings/process-context.js';
import type { Settings } from '../settings/settings.js';
import { AccessGuard } from './access.guard.js';
import { AccountController } from './account.controller.js';
import { AccountService } from './account.service.js';
import { EnrolmentService } from './enrolment.service.js';
import { IdentityProvider } from './identity-provider.js';
import { IdentityController } from './identity.controller.js';
import { OperatorsController } from './operators.controller.js';
import { OperatorsService } from './operators.service.js';
import { ProviderLogInController } from './provider-log-in.controller.js';
import { ProviderLogIns } from './provider-log-in.service.js';
import { SecondFactors } from './second-factors.service.js';
import { TokensService } from './tokens.service.js';

@Module({
  imports: [
    AuditModule,
    OutboxModule,
    ThrottlerModule.forRootAsync({
      inject: [SETTINGS],
      useFactory: (settings: Settings) => [{ ttl: 60_000, limit: settings.attemptsPerMinute }],
    }),
  ],
  controllers: [IdentityController, ProviderLogInController, AccountController, OperatorsController],
  providers: [
    IdentityProvider,
    ProviderLogIns,
    OperatorsService,
    AccountService,
    SecondFactors,
    EnrolmentService,
    TokensService,
    { provide: APP_GUARD, useClass: AccessGuard },
  ],
  exports: [OperatorsService, TokensService],
})
export class IdentityModule {}
