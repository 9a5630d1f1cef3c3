import { decodeContainer, encodeContainer, digestOfBytes } from '@consilium/shared';
import type { DataCard, Digest, EnrolmentCode, NamedTensors, SubmitAnswer, UpdateManifest } from '@consilium/shared';
import * as tus from 'tus-js-client';
import { LightSite } from '../simulation/light-site.js';
import type { TestServer } from './test-server.js';

/** A light site for specs: enrols by name, works for whatever round is assigned, uploads by the client that nodes use. */
export class FakeSite extends LightSite {
  static async enrol(
    server: TestServer,
    name: string,
    data: Partial<DataCard> = {},
    role = 'trainer',
  ): Promise<FakeSite> {
    const { code } = (await server.post('/enrolment-codes', { name, role }).expect(201)).body as EnrolmentCode;
    const { enrolled, key, fingerprint } = await LightSite.register(server, code);
    await server.post(`/sites/${enrolled.siteId}/approve`, { fingerprint }).expect(200);
    const card = { labelled: 2, unlabelled: 0, validation: 0, ...data };
    const site = new FakeSite(server, enrolled, key, card, fingerprint);
    server.sites.push(site);
    return site;
  }

  /** Resolves with the digest; rejects with tus's error. */
  override async upload(
    bytes: Uint8Array,
    digest = digestOfBytes(bytes),
    options: Partial<tus.UploadOptions> = {},
  ): Promise<Digest> {
    await new Promise<void>((resolve, reject) => {
      const upload = new tus.Upload(Buffer.from(bytes), {
        endpoint: `${this.place.url}/api/v1/uploads`,
        metadata: { digest },
        retryDelays: null,
        onBeforeRequest: async (request) => {
          const { pathname: path } = new URL(request.getURL());
          request.setHeader('Authorization', `Bearer ${await this.token({ method: request.getMethod(), path })}`);
        },
        ...options,
        onSuccess: () => resolve(),
        onError: reject,
      });
      upload.start();
    });
    return digest;
  }

  /** The base of the open round with changes, as this site's trained model. */
  async train(change: (model: NamedTensors) => void): Promise<Uint8Array> {
    const { round } = await this.assignment();
    const { tensors } = decodeContainer(await this.download(round!.base.digest));
    change(tensors);
    return encodeContainer(tensors);
  }

  async manifest(update: Uint8Array, changes: Partial<UpdateManifest> = {}): Promise<UpdateManifest> {
    const task = await this.task();
    return this.manifestOf(task!, { digest: digestOfBytes(update), bytes: update.length }, changes);
  }

  /** As `contribute`, for a round that is not assigned any more. */
  async contributeIn(manifest: UpdateManifest, change: (model: NamedTensors) => void): Promise<SubmitAnswer> {
    const { tensors } = decodeContainer(await this.download(manifest.base));
    change(tensors);
    const update = encodeContainer(tensors);
    await this.upload(update);
    return this.submit({ ...manifest, blob: { digest: digestOfBytes(update), bytes: update.length } });
  }

  /** Trains, uploads and submits. */
  async contribute(
    change: (model: NamedTensors) => void,
    changes: Partial<UpdateManifest> = {},
  ): Promise<SubmitAnswer> {
    const update = await this.train(change);
    await this.upload(update);
    return this.submit(await this.manifest(update, changes));
  }
}
