import { Controller, Get, Param } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import {
  Id,
  ModelLineage,
  Participation,
  PrototypeReport,
  RoundSummary,
  RoundTimeline,
  StudyCurves,
  UpdateEvidence,
} from '@consilium/shared';
import { Answers } from '../http/answers.decorator.js';
import { Access } from '../identity/access.decorator.js';
import { CurvesService } from './curves.service.js';
import { EvidenceService } from './evidence.service.js';
import { LineageService } from './lineage.service.js';
import { ParticipationService } from './participation.service.js';
import { PrototypesService } from './prototypes.service.js';
import { RoundSummariesService } from './round-summaries.service.js';
import { TimelinesService } from './timelines.service.js';

/** What pages show beside the rows themselves; everything is read, nothing is kept. */
@ApiTags('insight')
@Controller()
export class InsightController {
  constructor(
    private readonly summaries: RoundSummariesService,
    private readonly timelines: TimelinesService,
    private readonly evidence: EvidenceService,
    private readonly prototypes: PrototypesService,
    private readonly curves: CurvesService,
    private readonly lineage: LineageService,
    private readonly participation: ParticipationService,
  ) {}

  @Get('studies/:id/round-summaries')
  @Access('viewer')
  @Answers(200, RoundSummary.array())
  summariesOf(@Param('id', { schema: Id }) studyId: string): Promise<RoundSummary[]> {
    return this.summaries.of(studyId);
  }

  @Get('rounds/:id/timeline')
  @Access('viewer')
  @Answers(200, RoundTimeline)
  timelineOf(@Param('id', { schema: Id }) roundId: string): Promise<RoundTimeline> {
    return this.timelines.of(roundId);
  }

  @Get('rounds/:id/evidence')
  @Access('viewer')
  @Answers(200, UpdateEvidence.array())
  evidenceOf(@Param('id', { schema: Id }) roundId: string): Promise<UpdateEvidence[]> {
    return this.evidence.of(roundId);
  }

  @Get('rounds/:id/prototypes')
  @Access('viewer')
  @Answers(200, PrototypeReport)
  prototypesOf(@Param('id', { schema: Id }) roundId: string): Promise<PrototypeReport> {
    return this.prototypes.of(roundId);
  }

  @Get('studies/:id/curves')
  @Access('viewer')
  @Answers(200, StudyCurves)
  curvesOf(@Param('id', { schema: Id }) studyId: string): Promise<StudyCurves> {
    return this.curves.of(studyId);
  }

  @Get('studies/:id/lineage')
  @Access('viewer')
  @Answers(200, ModelLineage.array())
  lineageOf(@Param('id', { schema: Id }) studyId: string): Promise<ModelLineage[]> {
    return this.lineage.of(studyId);
  }

  @Get('sites/:id/participation')
  @Access('viewer')
  @Answers(200, Participation.array())
  participationOf(@Param('id', { schema: Id }) siteId: string): Promise<Participation[]> {
    return this.participation.of(siteId);
  }
}
