import { Body, Controller, Get, Param, Post } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Evaluation, Id, ModelVersion } from '@consilium/shared';
import { Answers } from '../http/answers.decorator.js';
import { Access } from '../identity/access.decorator.js';
import { FromSite, type SiteCaller } from '../identity/caller.js';
import { EvaluationsService } from './evaluations.service.js';
import { ModelsService } from './models.service.js';

@ApiTags('models')
@Controller()
export class ModelsController {
  constructor(
    private readonly models: ModelsService,
    private readonly evaluations: EvaluationsService,
  ) {}

  @Get('studies/:id/models')
  @Access('operator')
  @Answers(200, ModelVersion.array())
  list(@Param('id', { schema: Id }) studyId: string): Promise<ModelVersion[]> {
    return this.models.list(studyId);
  }

  @Post('site/evaluations')
  @Access('site')
  @Answers(204)
  evaluate(@FromSite() site: SiteCaller, @Body({ schema: Evaluation }) evaluation: Evaluation): Promise<void> {
    return this.evaluations.record(site, evaluation);
  }
}
