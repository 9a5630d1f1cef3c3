import { Module } from '@nestjs/common';
import { HomeFolder } from '../settings/home-folder.js';
import { SETTINGS } from '../settings/process-context.js';
import { BlobStore } from './blob-store.js';
import { BlobsController } from './blobs.controller.js';
import { BlobsService } from './blobs.service.js';
import { openBlobStore } from './open-blob-store.js';
import { Retention } from './retention.service.js';
import { TransfersController } from './transfers.controller.js';
import { TransfersService } from './transfers.service.js';
import { UploadLimit } from './upload-limit.js';
import { UploadsService } from './uploads.service.js';

@Module({
  controllers: [BlobsController, TransfersController],
  providers: [
    { provide: BlobStore, useFactory: openBlobStore, inject: [SETTINGS, HomeFolder] },
    BlobsService,
    TransfersService,
    UploadsService,
    UploadLimit,
    Retention,
  ],
  exports: [BlobStore, BlobsService, Retention, UploadsService],
})
export class BlobsModule {}
