import { Module } from '@nestjs/common';
import { BlobStore } from './blob-store.js';
import { BlobsController } from './blobs.controller.js';
import { BlobsService } from './blobs.service.js';
import { UploadLimit } from './upload-limit.js';
import { UploadsService } from './uploads.service.js';

@Module({
  controllers: [BlobsController],
  providers: [BlobStore, BlobsService, UploadsService, UploadLimit],
  exports: [BlobStore, BlobsService, UploadsService],
})
export class BlobsModule {}
