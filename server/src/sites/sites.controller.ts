import { Body, Controller, Get, HttpCode, Param, Post } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { ApproveRequest, Id, SiteApproval, SiteView, SubmitKeyChange } from '@consilium/shared';
import type { z } from 'zod';
import { Answers } from '../http/answers.decorator.js';
import { Access } from '../identity/access.decorator.js';
import { FromOperator, FromSite, type OperatorCaller, type SiteCaller } from '../identity/caller.js';
import { SitesService } from './sites.service.js';

@ApiTags('sites')
@Controller()
export class SitesController {
  constructor(private readonly sites: SitesService) {}

  @Get('sites')
  @Access('viewer')
  @Answers(200, SiteView.array())
  list(): Promise<SiteView[]> {
    return this.sites.list();
  }

  @Post('sites/:id/approve')
  @Access('operator')
  @Answers(200, SiteView)
  approve(
    @FromOperator() operator: OperatorCaller,
    @Param('id', { schema: Id }) id: string,
    @Body({ schema: ApproveRequest }) body: z.output<typeof ApproveRequest>,
  ): Promise<SiteView> {
    return this.sites.approve(operator, id, body.fingerprint);
  }

  @Get('site/approval')
  @Access('applicant')
  @Answers(200, SiteApproval)
  approval(@FromSite() { state }: SiteCaller): SiteApproval {
    return { state };
  }

  @Post('site/key')
  @Access('site')
  @HttpCode(204)
  changeKey(@FromSite() site: SiteCaller, @Body({ schema: SubmitKeyChange }) body: SubmitKeyChange): Promise<void> {
    return this.sites.changeKey(site, body);
  }

  @Post('sites/:id/revoke')
  @Access('operator')
  @Answers(200, SiteView)
  revoke(@FromOperator() operator: OperatorCaller, @Param('id', { schema: Id }) id: string): Promise<SiteView> {
    return this.sites.revoke(operator, id);
  }
}
