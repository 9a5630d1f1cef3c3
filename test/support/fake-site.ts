import { randomUUID } from 'node:crypto';
import { CompactSign, exportJWK, generateKeyPair, SignJWT, type CryptoKey } from 'jose';
import { io, type Socket } from 'socket.io-client';
import {
  Assignment,
  digestOfBytes,
  encodeContainer,
  Enrolled,
  initialModel,
  PROTOCOL_VERSION,
  PublicKey,
  SubmitAnswer,
  type Acknowledgement,
  type BlobRef,
  type ClientEvents,
  type DataCard,
  type Digest,
  type NamedTensors,
  type Progress,
  type ServerEvents,
  type TrainingMetrics,
} from '@consilium/shared';

const SOFTWARE = 'fake-site 0.1.0';

/** The round that a site has been given, with its study. */
export interface Task {
  study: NonNullable<Assignment['study']>;
  round: NonNullable<Assignment['round']>;
}

/** A site that speaks the protocol and trains nothing: its updates are drawn from a seed. */
export class FakeSite {
  #socket: Socket<ServerEvents, ClientEvents> | null = null;

  private constructor(
    private readonly url: string,
    private readonly secret: CryptoKey,
    readonly enrolled: Enrolled,
    readonly data: DataCard,
  ) {}

  static async enrol(url: string, code: string, data: DataCard): Promise<FakeSite> {
    const { privateKey, publicKey } = await generateKeyPair('EdDSA', { extractable: true });
    const { kty, crv, x } = await exportJWK(publicKey);
    const body = JSON.stringify({ code, publicKey: PublicKey.parse({ kty, crv, x }), software: SOFTWARE });
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(`${url}/api/v1/enrol`, { method: 'POST', headers, body });
    if (!response.ok) throw new Error(`enrol: status ${response.status}: ${await response.text()}`);
    return new FakeSite(url, privateKey, Enrolled.parse(await response.json()), data);
  }

  /** Resolves once the server has acknowledged the hello. */
  async connect(): Promise<void> {
    const socket: Socket<ServerEvents, ClientEvents> = io(this.url, {
      transports: ['websocket'],
      auth: (give) => void this.#token().then((token) => give({ token })),
    });
    this.#socket = socket;
    const hello = { protocolVersion: PROTOCOL_VERSION, software: SOFTWARE, engine: 'none', data: this.data };
    await new Promise<void>((resolve, reject) => {
      // Said again after every reconnection, as a node does.
      socket.on('connect', () =>
        socket.emit('hello', hello, (answer) => (answer.ok ? resolve() : reject(new Error(answer.sentence)))),
      );
    });
  }

  disconnect(): void {
    this.#socket?.disconnect();
  }

  async assignment(): Promise<Assignment> {
    return Assignment.parse(await (await this.#ask('GET', '/site/assignment')).json());
  }

  /** Waits for a round that expects this site; `number` makes sure that it is not the one before. */
  async task(number: number, patienceMs = 30_000): Promise<Task> {
    const end = Date.now() + patienceMs;
    while (Date.now() < end) {
      const { study, round } = await this.assignment();
      if (study !== null && round?.number === number) return { study, round };
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`${this.enrolled.name}: expected round ${number} within ${patienceMs} ms`);
  }

  async report(progress: Progress): Promise<void> {
    const answer = await new Promise<Acknowledgement | undefined>((resolve) => {
      if (this.#socket === null) resolve(undefined);
      else this.#socket.emit('progress', progress, resolve);
    });
    if (answer?.ok !== true)
      throw new Error(`${this.enrolled.name}: progress refused: ${answer?.sentence ?? 'not connected'}`);
  }

  /** Uploads a model of the study's shape and submits it; `alter` may spoil it before. */
  async submit(
    task: Task,
    metrics: TrainingMetrics,
    alter: (tensors: NamedTensors) => void = () => undefined,
  ): Promise<SubmitAnswer> {
    const tensors = initialModel(task.study.manifest.model, task.round.number);
    alter(tensors);
    const blob = await this.#upload(encodeContainer(tensors));
    const manifest = {
      studyDigest: task.study.digest,
      roundId: task.round.id,
      siteId: this.enrolled.siteId,
      base: task.round.base.digest,
      blob,
      labelled: this.data.labelled,
      unlabelled: this.data.unlabelled,
      steps: task.study.manifest.rounds.localSteps,
      metrics,
      software: SOFTWARE,
    };
    const jws = await new CompactSign(new TextEncoder().encode(JSON.stringify(manifest)))
      .setProtectedHeader({ alg: 'EdDSA', kid: this.enrolled.siteId })
      .sign(this.secret);
    return SubmitAnswer.parse(await (await this.#ask('POST', '/site/updates', JSON.stringify({ jws }))).json());
  }

  async evaluate(studyId: string, model: Digest, dice: number, hd95: number | null = null): Promise<void> {
    const { validation: volumes } = this.data;
    await this.#ask('POST', '/site/evaluations', JSON.stringify({ studyId, model, volumes, dice, hd95 }));
  }

  /** tus in two requests: create, then all bytes at once. */
  async #upload(bytes: Uint8Array): Promise<BlobRef> {
    const digest = digestOfBytes(bytes);
    const tus = { 'tus-resumable': '1.0.0', 'content-type': 'application/offset+octet-stream' };
    const created = await this.#ask('POST', '/uploads', undefined, {
      'tus-resumable': '1.0.0',
      'upload-length': String(bytes.length),
      'upload-metadata': `digest ${Buffer.from(digest).toString('base64')}`,
    });
    const place = new URL(created.headers.get('location') ?? '', `${this.url}/api/v1/uploads`);
    if (!place.pathname.endsWith('-present')) {
      const headers = { ...tus, 'upload-offset': '0', authorization: `Bearer ${await this.#token()}` };
      const response = await fetch(place, { method: 'PATCH', headers, body: Buffer.from(bytes) });
      if (!response.ok) throw new Error(`upload: status ${response.status}: ${await response.text()}`);
    }
    return { digest, bytes: bytes.length };
  }

  async #ask(method: string, path: string, body?: string, more: Record<string, string> = {}): Promise<Response> {
    const headers = { 'content-type': 'application/json', ...more, authorization: `Bearer ${await this.#token()}` };
    const response = await fetch(`${this.url}/api/v1${path}`, { method, headers, ...(body !== undefined && { body }) });
    if (!response.ok)
      throw new Error(`${this.enrolled.name}: ${method} ${path}: status ${response.status}: ${await response.text()}`);
    return response;
  }

  #token(): Promise<string> {
    return new SignJWT({})
      .setProtectedHeader({ alg: 'EdDSA', kid: this.enrolled.siteId })
      .setIssuer(this.enrolled.siteId)
      .setAudience(this.enrolled.audience)
      .setIssuedAt()
      .setExpirationTime('240s')
      .setJti(randomUUID())
      .sign(this.secret);
  }
}
