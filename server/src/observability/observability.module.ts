import { Inject, Module, type MiddlewareConsumer, type NestModule } from '@nestjs/common';
import type { NextFunction, Request, Response } from 'express';
import { ActivityLog } from './activity-log.js';
import { Metrics } from './metrics.js';
import { ObservabilityController } from './observability.controller.js';
import { CLOCK, TRACES, type Clock } from '../settings/process-context.js';
import { requestSpan } from './request-span.js';
import type { Traces } from './traces.js';

@Module({ controllers: [ObservabilityController], providers: [Metrics, ActivityLog], exports: [ActivityLog] })
export class ObservabilityModule implements NestModule {
  constructor(
    private readonly metrics: Metrics,
    @Inject(TRACES) private readonly traces: Traces,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  configure(consumer: MiddlewareConsumer): void {
    consumer
      .apply((request: Request, response: Response, next: NextFunction) => {
        const [began, begin] = [performance.now(), this.clock.now()];
        response.once('close', () => {
          const milliseconds = performance.now() - began;
          this.metrics.answered(request.method, response.statusCode, milliseconds / 1000);
          this.traces.record(requestSpan(request, response.statusCode, begin, milliseconds));
        });
        next();
      })
      .forRoutes('{*path}');
  }
}
