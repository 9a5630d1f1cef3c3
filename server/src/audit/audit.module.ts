import { Module } from '@nestjs/common';
import { AuditLog } from './audit-log.js';
import { LogTree } from './log-tree.js';

@Module({
  providers: [AuditLog, LogTree],
  exports: [AuditLog],
})
export class AuditModule {}
