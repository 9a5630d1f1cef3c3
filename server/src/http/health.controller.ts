import { Controller, Get, Inject } from '@nestjs/common';
import { PROTOCOL_VERSION } from '@consilium/shared';
import { Access } from '../identity/access.decorator.js';
import { CLOCK, type Clock } from '../settings/process-context.js';
import { VERSION } from '../settings/version.js';

@Controller('health')
export class HealthController {
  constructor(@Inject(CLOCK) private readonly clock: Clock) {}

  @Get()
  @Access('public')
  health(): { status: 'ok'; version: string; protocolVersion: number; time: string } {
    return { status: 'ok', version: VERSION, protocolVersion: PROTOCOL_VERSION, time: this.clock.now().toISOString() };
  }
}
