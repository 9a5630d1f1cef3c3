import {
  CheckpointView,
  ConsistencyProof,
  ConsistencyQuery,
  Cosignature,
  InclusionProof,
  InclusionQuery,
  LogEntryView,
  LogKeys,
  LogPage,
  LogQuery,
} from '@consilium/shared';
import { Readable } from 'node:stream';
import { Body, Controller, Get, Param, Post, Query, StreamableFile } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import { Answers } from '../http/answers.decorator.js';
import { Access } from '../identity/access.decorator.js';
import { FromOperator, FromSite, type OperatorCaller, type SiteCaller } from '../identity/caller.js';
import { actorOf } from './audit-log.js';
import { LogExport } from './log-export.js';
import { LogService } from './log.service.js';

const EntryIndex = z.coerce.number().int().min(0);

@ApiTags('log')
@Controller()
export class LogController {
  constructor(
    private readonly log: LogService,
    private readonly exports: LogExport,
  ) {}

  @Get('log/checkpoint')
  @Access('any')
  @Answers(200, CheckpointView)
  checkpoint(): Promise<CheckpointView> {
    return this.log.checkpoint();
  }

  @Get('log/keys')
  @Access('any')
  @Answers(200, LogKeys)
  keys(): Promise<LogKeys> {
    return this.log.keys();
  }

  @Get('log/entries')
  @Access('auditor')
  @Answers(200, LogPage)
  entries(@Query({ schema: LogQuery }) query: LogQuery): Promise<LogPage> {
    return this.log.entries(query);
  }

  @Get('log/entries/:index')
  @Access('auditor')
  @Answers(200, LogEntryView)
  entry(@Param('index', { schema: EntryIndex }) index: number): Promise<LogEntryView> {
    return this.log.entry(index);
  }

  @Get('log/proof/inclusion')
  @Access('any')
  @Answers(200, InclusionProof)
  inclusion(
    @Query({ schema: InclusionQuery }) { index, size }: z.output<typeof InclusionQuery>,
  ): Promise<InclusionProof> {
    return this.log.inclusion(index, size);
  }

  @Get('log/proof/consistency')
  @Access('any')
  @Answers(200, ConsistencyProof)
  consistency(
    @Query({ schema: ConsistencyQuery }) { from, to }: z.output<typeof ConsistencyQuery>,
  ): Promise<ConsistencyProof> {
    return this.log.consistency(from, to);
  }

  @Get('log/export')
  @Access('auditor')
  @Answers(200)
  async export(@FromOperator() operator: OperatorCaller): Promise<StreamableFile> {
    await this.exports.record(actorOf(operator));
    return file(this.exports.lines(), 'consilium-log.jsonl', 'application/jsonl');
  }

  @Get('log/export.fhir')
  @Access('auditor')
  @Answers(200)
  async exportFhir(@FromOperator() operator: OperatorCaller): Promise<StreamableFile> {
    await this.exports.record(actorOf(operator));
    return file(this.exports.fhir(), 'consilium-log.fhir.json', 'application/fhir+json');
  }

  @Post('site/log/cosignatures')
  @Access('site')
  @Answers(204)
  cosign(@FromSite() site: SiteCaller, @Body({ schema: Cosignature }) cosignature: Cosignature): Promise<void> {
    return this.log.cosign(site, cosignature);
  }
}

function file(pieces: AsyncIterable<string>, name: string, type: string): StreamableFile {
  return new StreamableFile(Readable.from(pieces, { objectMode: false }), {
    type,
    disposition: `attachment; filename="${name}"`,
  });
}
