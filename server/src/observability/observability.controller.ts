import { createHash, timingSafeEqual } from 'node:crypto';
import { Controller, Get, Headers, Inject, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { Response } from 'express';
import { ApiError } from '../http/api-error.js';
import { Access } from '../identity/access.decorator.js';
import { SETTINGS } from '../settings/process-context.js';
import type { Settings } from '../settings/settings.js';
import { Metrics } from './metrics.js';

/** Names of sites and their traffic are not for everyone: without a token there are no metrics. */
@ApiExcludeController()
@Controller('metrics')
export class ObservabilityController {
  constructor(
    private readonly metrics: Metrics,
    @Inject(SETTINGS) private readonly settings: Settings,
  ) {}

  @Get()
  @Access('public')
  async scrape(@Headers('authorization') authorization: string | undefined, @Res() response: Response): Promise<void> {
    const { metricsToken } = this.settings;
    if (metricsToken === undefined)
      throw new ApiError('not-found', 'This server shows no metrics: it has no token for them.');
    if (authorization === undefined || !isSame(authorization, `Bearer ${metricsToken}`))
      throw new ApiError('unauthenticated', 'Expected the token for metrics, got another one or none.');
    response.type(this.metrics.contentType).send(await this.metrics.text());
  }
}

/** Takes equally long however much of it is right. */
function isSame(given: string, expected: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}
