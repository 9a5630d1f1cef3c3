import { Controller, Get, Param, Post } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Id, SiteView } from '@consilium/shared';
import { Answers } from '../http/answers.decorator.js';
import { Access } from '../identity/access.decorator.js';
import { SitesService } from './sites.service.js';

@ApiTags('sites')
@Controller('sites')
export class SitesController {
  constructor(private readonly sites: SitesService) {}

  @Get()
  @Access('operator')
  @Answers(200, SiteView.array())
  list(): Promise<SiteView[]> {
    return this.sites.list();
  }

  @Post(':id/revoke')
  @Access('operator')
  @Answers(200, SiteView)
  revoke(@Param('id', { schema: Id }) id: string): Promise<SiteView> {
    return this.sites.revoke(id);
  }
}
