import { Body, Controller, Get, Param, Post } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Id, StudyManifest, StudyView } from '@consilium/shared';
import { Answers } from '../http/answers.decorator.js';
import { Access } from '../identity/access.decorator.js';
import { FromOperator, type OperatorCaller } from '../identity/caller.js';
import { StudiesService } from './studies.service.js';

@ApiTags('studies')
@Controller('studies')
export class StudiesController {
  constructor(private readonly studies: StudiesService) {}

  @Post()
  @Access('operator')
  @Answers(201, StudyView)
  create(
    @FromOperator() operator: OperatorCaller,
    @Body({ schema: StudyManifest }) manifest: StudyManifest,
  ): Promise<StudyView> {
    return this.studies.create(operator, manifest);
  }

  @Get()
  @Access('viewer')
  @Answers(200, StudyView.array())
  list(): Promise<StudyView[]> {
    return this.studies.list();
  }

  @Get(':id')
  @Access('viewer')
  @Answers(200, StudyView)
  get(@Param('id', { schema: Id }) id: string): Promise<StudyView> {
    return this.studies.get(id);
  }

  @Post(':id/start')
  @Access('operator')
  @Answers(200, StudyView)
  start(@FromOperator() operator: OperatorCaller, @Param('id', { schema: Id }) id: string): Promise<StudyView> {
    return this.studies.command(operator, id, 'start');
  }

  @Post(':id/pause')
  @Access('operator')
  @Answers(200, StudyView)
  pause(@FromOperator() operator: OperatorCaller, @Param('id', { schema: Id }) id: string): Promise<StudyView> {
    return this.studies.command(operator, id, 'pause');
  }

  @Post(':id/resume')
  @Access('operator')
  @Answers(200, StudyView)
  resume(@FromOperator() operator: OperatorCaller, @Param('id', { schema: Id }) id: string): Promise<StudyView> {
    return this.studies.command(operator, id, 'resume');
  }

  @Post(':id/stop')
  @Access('operator')
  @Answers(200, StudyView)
  stop(@FromOperator() operator: OperatorCaller, @Param('id', { schema: Id }) id: string): Promise<StudyView> {
    return this.studies.command(operator, id, 'stop');
  }
}
