import { Module } from '@nestjs/common';
import { AuditLog } from './audit-log.js';
import { Checkpoints } from './checkpoints.js';
import { LogController } from './log.controller.js';
import { LogService } from './log.service.js';
import { LogExport } from './log-export.js';
import { LogSigner } from './log-signer.js';
import { LogTree } from './log-tree.js';
import { Receipts } from './receipts.js';

@Module({
  controllers: [LogController],
  providers: [AuditLog, LogTree, LogSigner, Checkpoints, LogService, LogExport, Receipts],
  exports: [AuditLog, LogSigner, Checkpoints, Receipts],
})
export class AuditModule {}
