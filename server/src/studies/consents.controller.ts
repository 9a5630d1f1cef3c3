import { Body, Controller, Get, Param, Post } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Id, StudyConsent, SubmitConsent } from '@consilium/shared';
import type { z } from 'zod';
import { Answers } from '../http/answers.decorator.js';
import { Access } from '../identity/access.decorator.js';
import { FromSite, type SiteCaller } from '../identity/caller.js';
import { Consents } from './consents.service.js';

@ApiTags('consents')
@Controller()
export class ConsentsController {
  constructor(private readonly consents: Consents) {}

  @Get('studies/:id/consents')
  @Access('viewer')
  @Answers(200, StudyConsent.array())
  list(@Param('id', { schema: Id }) studyId: string): Promise<StudyConsent[]> {
    return this.consents.list(studyId);
  }

  @Post('site/consents')
  @Access('site')
  @Answers(204)
  record(
    @FromSite() site: SiteCaller,
    @Body({ schema: SubmitConsent }) body: z.output<typeof SubmitConsent>,
  ): Promise<void> {
    return this.consents.record(site, body.jws);
  }
}
