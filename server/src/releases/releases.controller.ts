import { Body, Controller, Get, Param, Post } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Id, PromoteRequest, ReleasedModel, ReleaseState, RollBackRequest, SignOffRequest } from '@consilium/shared';
import { z } from 'zod';
import { Answers } from '../http/answers.decorator.js';
import { Access } from '../identity/access.decorator.js';
import { FromOperator, type OperatorCaller } from '../identity/caller.js';
import { ReleasesService } from './releases.service.js';

const Version = z.coerce.number().int().min(0).max(1_000_000);

@ApiTags('releases')
@Controller()
export class ReleasesController {
  constructor(private readonly releases: ReleasesService) {}

  @Get('studies/:id/release')
  @Access('viewer')
  @Answers(200, ReleaseState)
  of(@Param('id', { schema: Id }) studyId: string): Promise<ReleaseState> {
    return this.releases.of(studyId);
  }

  @Post('studies/:id/models/:version/sign-off')
  @Access('operator')
  @Answers(200, ReleaseState)
  signOff(
    @FromOperator() operator: OperatorCaller,
    @Param('id', { schema: Id }) studyId: string,
    @Param('version', { schema: Version }) version: number,
    @Body({ schema: SignOffRequest }) request: SignOffRequest,
  ): Promise<ReleaseState> {
    return this.releases.signOff(operator, studyId, version, request);
  }

  @Post('studies/:id/models/:version/promote')
  @Access('operator')
  @Answers(200, ReleaseState)
  promote(
    @FromOperator() operator: OperatorCaller,
    @Param('id', { schema: Id }) studyId: string,
    @Param('version', { schema: Version }) version: number,
    @Body({ schema: PromoteRequest }) request: PromoteRequest,
  ): Promise<ReleaseState> {
    return this.releases.promote(operator, studyId, version, request);
  }

  @Post('studies/:id/release/roll-back')
  @Access('operator')
  @Answers(200, ReleaseState)
  rollBack(
    @FromOperator() operator: OperatorCaller,
    @Param('id', { schema: Id }) studyId: string,
    @Body({ schema: RollBackRequest }) request: RollBackRequest,
  ): Promise<ReleaseState> {
    return this.releases.rollBack(operator, studyId, request);
  }

  @Get('site/releases')
  @Access('site')
  @Answers(200, ReleasedModel.array())
  forSites(): Promise<ReleasedModel[]> {
    return this.releases.forSites();
  }
}
