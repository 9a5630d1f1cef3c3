import { Controller, Get, Param } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Id, SiteTraffic, Transfer } from '@consilium/shared';
import { Answers } from '../http/answers.decorator.js';
import { Access } from '../identity/access.decorator.js';
import { TransfersService } from './transfers.service.js';

@ApiTags('blobs')
@Controller()
export class TransfersController {
  constructor(private readonly transfers: TransfersService) {}

  @Get('traffic')
  @Access('viewer')
  @Answers(200, SiteTraffic.array())
  traffic(): Promise<SiteTraffic[]> {
    return this.transfers.traffic();
  }

  @Get('sites/:id/transfers')
  @Access('viewer')
  @Answers(200, Transfer.array())
  ofSite(@Param('id', { schema: Id }) id: string): Promise<Transfer[]> {
    return this.transfers.ofSite(id);
  }
}
