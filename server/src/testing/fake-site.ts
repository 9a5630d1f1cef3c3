import {
  decodeContainer,
  digestOfBytes,
  encodeContainer,
  PROTOCOL_VERSION,
  type Acknowledgement,
  type Assignment,
  type ClientEvents,
  type DataCard,
  type Digest,
  type Enrolled,
  type EnrolmentCode,
  type NamedTensors,
  type ServerEvents,
  type SubmitAnswer,
  type UpdateManifest,
} from '@consilium/shared';
import { CompactSign, exportJWK, generateKeyPair, SignJWT, type CryptoKey } from 'jose';
import { io, type Socket } from 'socket.io-client';
import request from 'supertest';
import * as tus from 'tus-js-client';
import type { TestServer } from './test-server.js';

export type SiteSocket = Socket<ServerEvents, ClientEvents>;

export const METRICS = { loss: 0.5, supervised: 0.4, unsupervised: 0.1, cps: null, secondsPerStep: 0.1 };

/** A hospital's node without a network: it speaks the protocol and makes up its model. */
export class FakeSite {
  socket: SiteSocket | undefined;

  constructor(
    readonly server: TestServer,
    readonly enrolled: Enrolled,
    readonly key: CryptoKey,
    readonly data: DataCard,
  ) {}

  static async enrol(
    server: TestServer,
    name: string,
    data: Partial<DataCard> = {},
    role = 'trainer',
  ): Promise<FakeSite> {
    const code = (await server.post('/enrolment-codes', { name, role }).expect(201)).body as EnrolmentCode;
    const { privateKey, publicKey } = await generateKeyPair('EdDSA', { extractable: true });
    const body = { code: code.code, publicKey: await exportJWK(publicKey), software: 'test 0' };
    const enrolled = (await request(server.url).post('/api/v1/enrol').send(body).expect(201)).body as Enrolled;
    return new FakeSite(server, enrolled, privateKey, { labelled: 2, unlabelled: 0, validation: 0, ...data });
  }

  get id(): string {
    return this.enrolled.siteId;
  }

  async token(
    changes: { kid?: string; iss?: string; aud?: string; lifetime?: number; skew?: number } = {},
  ): Promise<string> {
    const now = Math.floor(this.server.clock.now().getTime() / 1000) + (changes.skew ?? 0);
    return new SignJWT({})
      .setProtectedHeader({ alg: 'EdDSA', kid: changes.kid ?? this.id })
      .setIssuer(changes.iss ?? this.id)
      .setAudience(changes.aud ?? this.enrolled.audience)
      .setIssuedAt(now)
      .setExpirationTime(now + (changes.lifetime ?? 120))
      .setJti(crypto.randomUUID())
      .sign(this.key);
  }

  async get(path: string): Promise<request.Response> {
    return request(this.server.url)
      .get(`/api/v1${path}`)
      .auth(await this.token(), { type: 'bearer' });
  }

  async post(path: string, body: object): Promise<request.Response> {
    return request(this.server.url)
      .post(`/api/v1${path}`)
      .auth(await this.token(), { type: 'bearer' })
      .send(body);
  }

  /** Opens the socket without saying hello; rejects with the server's sentence. */
  async open(token?: string): Promise<SiteSocket> {
    const auth = { token: token ?? (await this.token()) };
    const socket: SiteSocket = io(this.server.url, {
      auth,
      transports: ['websocket'],
      reconnection: false,
      forceNew: true,
    });
    this.socket = socket;
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('connect_error', reject);
    });
    return socket;
  }

  async connect(): Promise<Acknowledgement> {
    const socket = await this.open();
    const hello = { protocolVersion: PROTOCOL_VERSION, software: 'test 0', engine: 'none', data: this.data };
    return (await socket.timeout(10_000).emitWithAck('hello', hello)) as Acknowledgement;
  }

  disconnect(): void {
    this.socket?.disconnect();
  }

  async assignment(): Promise<Assignment> {
    return (await this.get('/site/assignment')).body as Assignment;
  }

  async download(digest: Digest): Promise<Uint8Array> {
    const path = `${this.server.url}/api/v1/blobs/${digest}`;
    const answer = await fetch(path, { headers: { Authorization: `Bearer ${await this.token()}` } });
    return new Uint8Array(await answer.arrayBuffer());
  }

  /** Resolves with the digest; rejects with tus's error. */
  async upload(
    bytes: Uint8Array,
    digest = digestOfBytes(bytes),
    options: Partial<tus.UploadOptions> = {},
  ): Promise<Digest> {
    const headers = { Authorization: `Bearer ${await this.token()}` };
    await new Promise<void>((resolve, reject) => {
      const upload = new tus.Upload(Buffer.from(bytes), {
        endpoint: `${this.server.url}/api/v1/uploads`,
        metadata: { digest },
        headers,
        retryDelays: null,
        ...options,
        onSuccess: () => resolve(),
        onError: reject,
      });
      upload.start();
    });
    return digest;
  }

  sign(manifest: object): Promise<string> {
    const payload = new TextEncoder().encode(JSON.stringify(manifest));
    return new CompactSign(payload).setProtectedHeader({ alg: 'EdDSA', kid: this.id }).sign(this.key);
  }

  async submit(manifest: object): Promise<SubmitAnswer> {
    return (await this.post('/site/updates', { jws: await this.sign(manifest) })).body as SubmitAnswer;
  }

  /** The base of the open round with changes, as this site's trained model. */
  async train(change: (model: NamedTensors) => void): Promise<Uint8Array> {
    const { round } = await this.assignment();
    const { tensors } = decodeContainer(await this.download(round!.base.digest));
    change(tensors);
    return encodeContainer(tensors);
  }

  async manifest(update: Uint8Array, changes: Partial<UpdateManifest> = {}): Promise<UpdateManifest> {
    const { study, round } = await this.assignment();
    return {
      studyDigest: study!.digest,
      roundId: round!.id,
      siteId: this.id,
      base: round!.base.digest,
      blob: { digest: digestOfBytes(update), bytes: update.length },
      labelled: this.data.labelled,
      unlabelled: this.data.unlabelled,
      steps: 5,
      metrics: METRICS,
      software: 'test 0',
      ...changes,
    };
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

/** Sets every value of a tensor. */
export const fill =
  (name: string, value: number) =>
  (model: NamedTensors): void => {
    const tensor = model.get(name);
    if (tensor?.dtype !== 'float32') throw new Error(`expected a float32 tensor ${name}`);
    tensor.data.fill(value);
  };
