import { Body, Controller, Get, Param, Post } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import {
  Assignment,
  Id,
  LeaveRound,
  MetricPoint,
  RoundView,
  SubmitAnswer,
  SubmitUpdate,
  UpdateReceipt,
} from '@consilium/shared';
import type { z } from 'zod';
import { Answers } from '../http/answers.decorator.js';
import { Access } from '../identity/access.decorator.js';
import { FromOperator, FromSite, type OperatorCaller, type SiteCaller } from '../identity/caller.js';
import { AssignmentsService } from './assignments.service.js';
import { Departures } from './departures.service.js';
import { QuarantineService } from './quarantine.service.js';
import { ProgressService } from './progress.service.js';
import { RoundsService } from './rounds.service.js';
import { UpdatesService } from './updates.service.js';

@ApiTags('rounds')
@Controller()
export class RoundsController {
  constructor(
    private readonly rounds: RoundsService,
    private readonly assignments: AssignmentsService,
    private readonly progress: ProgressService,
    private readonly updates: UpdatesService,
    private readonly quarantine: QuarantineService,
    private readonly departures: Departures,
  ) {}

  @Get('studies/:id/rounds')
  @Access('viewer')
  @Answers(200, RoundView.array())
  list(@Param('id', { schema: Id }) studyId: string): Promise<RoundView[]> {
    return this.rounds.list(studyId);
  }

  @Get('rounds/:id')
  @Access('viewer')
  @Answers(200, RoundView)
  get(@Param('id', { schema: Id }) id: string): Promise<RoundView> {
    return this.rounds.get(id);
  }

  @Get('rounds/:id/metrics')
  @Access('viewer')
  @Answers(200, MetricPoint.array())
  metrics(@Param('id', { schema: Id }) id: string): Promise<MetricPoint[]> {
    return this.progress.metrics(id);
  }

  @Get('site/assignment')
  @Access('site')
  @Answers(200, Assignment)
  assignment(@FromSite() site: SiteCaller): Promise<Assignment> {
    return this.assignments.of(site);
  }

  @Post('site/updates')
  @Access('site')
  @Answers(200, SubmitAnswer)
  submit(
    @FromSite() site: SiteCaller,
    @Body({ schema: SubmitUpdate }) body: z.output<typeof SubmitUpdate>,
  ): Promise<SubmitAnswer> {
    return this.updates.submit(site, body.jws);
  }

  @Post('site/rounds/:id/leave')
  @Access('site')
  @Answers(204)
  leave(
    @FromSite() site: SiteCaller,
    @Param('id', { schema: Id }) id: string,
    @Body({ schema: LeaveRound }) { reason }: LeaveRound,
  ): Promise<void> {
    return this.departures.leave(site, id, reason);
  }

  /** What the site was given for it; null where the server kept no log yet. */
  @Get('updates/:id/receipt')
  @Access('auditor')
  @Answers(200, UpdateReceipt)
  async receipt(@Param('id', { schema: Id }) id: string): Promise<z.output<typeof UpdateReceipt>> {
    return { receipt: await this.updates.receipt(id) };
  }

  @Post('updates/:id/release')
  @Access('operator')
  @Answers(200, RoundView)
  async release(@FromOperator() operator: OperatorCaller, @Param('id', { schema: Id }) id: string): Promise<RoundView> {
    return this.rounds.get(await this.quarantine.decide(operator, id, 'release'));
  }

  @Post('updates/:id/refuse')
  @Access('operator')
  @Answers(200, RoundView)
  async refuse(@FromOperator() operator: OperatorCaller, @Param('id', { schema: Id }) id: string): Promise<RoundView> {
    return this.rounds.get(await this.quarantine.decide(operator, id, 'refuse'));
  }
}
