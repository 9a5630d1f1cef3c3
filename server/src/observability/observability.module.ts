import { Module, type MiddlewareConsumer, type NestModule } from '@nestjs/common';
import type { NextFunction, Request, Response } from 'express';
import { ActivityLog } from './activity-log.js';
import { Metrics } from './metrics.js';
import { ObservabilityController } from './observability.controller.js';

@Module({ controllers: [ObservabilityController], providers: [Metrics, ActivityLog], exports: [ActivityLog] })
export class ObservabilityModule implements NestModule {
  constructor(private readonly metrics: Metrics) {}

  configure(consumer: MiddlewareConsumer): void {
    consumer
      .apply((request: Request, response: Response, next: NextFunction) => {
        const began = performance.now();
        response.once('close', () =>
          this.metrics.answered(request.method, response.statusCode, (performance.now() - began) / 1000),
        );
        next();
      })
      .forRoutes('{*path}');
  }
}
