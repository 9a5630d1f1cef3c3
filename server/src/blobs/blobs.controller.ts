import { All, Controller, Get, Param, Req, Res } from '@nestjs/common';
import { ApiExcludeEndpoint, ApiTags } from '@nestjs/swagger';
import { DigestSchema, type Digest } from '@consilium/shared';
import type { Request, Response } from 'express';
import { Access } from '../identity/access.decorator.js';
import { FromCaller, FromSite, type Caller, type SiteCaller } from '../identity/caller.js';
import { BlobsService } from './blobs.service.js';
import { UploadsService } from './uploads.service.js';

@ApiTags('blobs')
@Controller()
export class BlobsController {
  constructor(
    private readonly blobs: BlobsService,
    private readonly uploads: UploadsService,
  ) {}

  @Get('blobs/:digest')
  @Access('any')
  download(
    @FromCaller() caller: Caller,
    @Param('digest', { schema: DigestSchema }) digest: Digest,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    return this.blobs.send(caller, digest, request, response);
  }

  /** tus 1.0 (https://tus.io/protocols/resumable-upload), with the digest in the creation's metadata. */
  @All(['uploads', 'uploads/:upload'])
  @Access('site')
  @ApiExcludeEndpoint()
  upload(@FromSite() site: SiteCaller, @Req() request: Request, @Res() response: Response): Promise<void> {
    return this.uploads.handle(site, request, response);
  }
}
