import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import type { HomeFolder } from '../settings/home-folder.js';
import type { Settings } from '../settings/settings.js';
import type { BlobStore } from './blob-store.js';
import { FileBlobStore } from './file-blob-store.js';
import { S3BlobStore } from './s3-blob-store.js';

/**
 * The store that the setting `blobs` names: a folder, or s3://BUCKET/PREFIX with local copies in the home folder. `purpose` keeps
 * the files in the making of a second process on this home apart.
 */
export function openBlobStore(settings: Settings, home: HomeFolder, purpose = ''): BlobStore {
  const owner = createHash('sha256')
    .update(`${hostname()} ${resolve(home.path)}${purpose}`)
    .digest('hex')
    .slice(0, 16);
  const { blobs, s3Endpoint, s3Region, s3AccessKey, s3SecretKey, s3CopiesMegabytes } = settings;
  const named = /^s3:\/\/([^/]+)\/?(.*)$/.exec(blobs ?? '');
  if (named === null) return new FileBlobStore(blobs ?? home.blobs, owner);
  const credentials =
    s3AccessKey !== undefined && s3SecretKey !== undefined
      ? { accessKeyId: s3AccessKey, secretAccessKey: s3SecretKey }
      : undefined;
  const [, bucket, path] = named;
  const prefix = path === '' ? '' : `${path.replace(/\/+$/, '')}/`;
  const place = { bucket, prefix, endpoint: s3Endpoint, region: s3Region, credentials };
  return new S3BlobStore(place, new FileBlobStore(home.blobs, owner), s3CopiesMegabytes * 1e6);
}
