import { Body, Controller, Get, Header, Param, Post } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Count, DsseEnvelope, Evaluation, Id, ModelCard, ModelVersion } from '@consilium/shared';
import { z } from 'zod';
import { Answers } from '../http/answers.decorator.js';
import { Access } from '../identity/access.decorator.js';
import { FromSite, type SiteCaller } from '../identity/caller.js';
import { EvaluationsService } from './evaluations.service.js';
import { ModelSigning } from './model-signing.js';
import { ModelsService } from './models.service.js';

const Version = z.coerce.number().pipe(Count);

@ApiTags('models')
@Controller()
export class ModelsController {
  constructor(
    private readonly models: ModelsService,
    private readonly signing: ModelSigning,
    private readonly evaluations: EvaluationsService,
  ) {}

  @Get('studies/:id/models')
  @Access('viewer')
  @Answers(200, ModelVersion.array())
  list(@Param('id', { schema: Id }) studyId: string): Promise<ModelVersion[]> {
    return this.models.list(studyId);
  }

  /** The texts as they were signed: their digests stand in the log. */
  @Get('studies/:id/models/:version/signature')
  @Access('any')
  @Header('content-type', 'application/json')
  @Answers(200, DsseEnvelope)
  async signature(
    @Param('id', { schema: Id }) studyId: string,
    @Param('version', { schema: Version }) version: number,
  ): Promise<string> {
    return (await this.signing.of(studyId, version)).envelope;
  }

  @Get('studies/:id/models/:version/card')
  @Access('any')
  @Header('content-type', 'application/json')
  @Answers(200, ModelCard)
  async card(
    @Param('id', { schema: Id }) studyId: string,
    @Param('version', { schema: Version }) version: number,
  ): Promise<string> {
    return (await this.signing.of(studyId, version)).card;
  }

  @Post('site/evaluations')
  @Access('site')
  @Answers(204)
  evaluate(@FromSite() site: SiteCaller, @Body({ schema: Evaluation }) evaluation: Evaluation): Promise<void> {
    return this.evaluations.record(site, evaluation);
  }
}
