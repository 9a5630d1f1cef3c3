import { createHash } from 'node:crypto';
import {
  CONTROL_LINE,
  CONTROL_LINE_SECONDS,
  decodeContainer,
  encodeContainer,
  Enrolled,
  PROTOCOL_VERSION,
  proofClaims,
  PublicKey,
  REQUEST_PROOF_SECONDS,
  spokenFingerprint,
  type Acknowledgement,
  type Assignment,
  type BlobRef,
  type ClientEvents,
  type ConsentDecision,
  type ConsentStatement,
  type DataCard,
  type Digest,
  type NamedTensors,
  type Progress,
  type ProvenRequest,
  type ServerEvents,
  type SiteHello,
  type SubmitAnswer,
  type TrainingMetrics,
  type UpdateManifest,
} from '@consilium/shared';
import { calculateJwkThumbprint, CompactSign, exportJWK, generateKeyPair, SignJWT, type CryptoKey } from 'jose';
import { io, type Socket } from 'socket.io-client';
import type { Clock } from '../settings/process-context.js';
import { exchange, type Exchanged } from './exchange.js';

type SiteSocket = Socket<ServerEvents, ClientEvents>;

const SOFTWARE = 'light-site 0';
const ACKNOWLEDGEMENT_MS = 15_000;
export const METRICS: TrainingMetrics = {
  loss: 0.5,
  supervised: 0.4,
  unsupervised: 0.1,
  cps: null,
  secondsPerStep: 0.1,
};

/** Where the server is: its address may change with a restart, and its clock may be another one than this machine's. */
export interface ServerPlace {
  url: string;
  clock: Clock;
}

export interface Answer {
  status: number;
  body: unknown;
}

interface Registered {
  enrolled: Enrolled;
  key: CryptoKey;
  fingerprint: string;
}

/** The round that a site has been given, with its study. */
export interface Task {
  study: NonNullable<Assignment['study']>;
  round: NonNullable<Assignment['round']>;
}

/** A site's side of the protocol without volumes and without training: what it sends as its model is its caller's to say. */
export class LightSite {
  socket: SiteSocket | undefined;
  /** Cuts what is under way. */
  signal: AbortSignal | undefined;

  constructor(
    readonly place: ServerPlace,
    readonly enrolled: Enrolled,
    readonly key: CryptoKey,
    readonly data: DataCard,
    readonly fingerprint: string,
  ) {}

  /** Makes a key and trades a one-time code for a place in the consortium. */
  static async register(place: ServerPlace, code: string): Promise<Registered> {
    const { privateKey, publicKey } = await generateKeyPair('EdDSA', { extractable: true });
    const { kty, crv, x } = await exportJWK(publicKey);
    const known = PublicKey.parse({ kty, crv, x });
    const body = JSON.stringify({ code, publicKey: known, software: SOFTWARE });
    const headers = { 'content-type': 'application/json' };
    const answer = await exchange(`${place.url}/api/v1/enrol`, { method: 'POST', headers }, body);
    if (answer.status !== 200 && answer.status !== 201)
      throw new Error(`enrol: status ${answer.status}: ${answer.body.toString()}`);
    const fingerprint = spokenFingerprint(await calculateJwkThumbprint(known));
    return { enrolled: Enrolled.parse(JSON.parse(answer.body.toString())), key: privateKey, fingerprint };
  }

  static async join(place: ServerPlace, code: string, data: DataCard): Promise<LightSite> {
    const { enrolled, key, fingerprint } = await LightSite.register(place, code);
    return new LightSite(place, enrolled, key, data, fingerprint);
  }

  get id(): string {
    return this.enrolled.siteId;
  }

  get name(): string {
    return this.enrolled.name;
  }

  /** A token for one request; with changes, one that is wrong. */
  async token(
    request: ProvenRequest,
    changes: { kid?: string; iss?: string; aud?: string; jti?: string; lifetime?: number; skew?: number } = {},
  ): Promise<string> {
    const now = Math.floor(this.place.clock.now().getTime() / 1000) + (changes.skew ?? 0);
    const lifetime = request === CONTROL_LINE ? CONTROL_LINE_SECONDS : REQUEST_PROOF_SECONDS;
    return new SignJWT({ ...proofClaims(request) })
      .setProtectedHeader({ alg: 'EdDSA', kid: changes.kid ?? this.id })
      .setIssuer(changes.iss ?? this.id)
      .setAudience(changes.aud ?? this.enrolled.audience)
      .setIssuedAt(now)
      .setExpirationTime(now + (changes.lifetime ?? lifetime))
      .setJti(changes.jti ?? crypto.randomUUID())
      .sign(this.key);
  }

  /** Answers whatever the status is; rejects only where there is no answer. */
  async get(path: string): Promise<Answer> {
    return answerOf(await this.#ask('GET', path));
  }

  async post(path: string, body: object): Promise<Answer> {
    return answerOf(await this.#ask('POST', path, { 'content-type': 'application/json' }, JSON.stringify(body)));
  }

  /** Opens the socket without saying hello; rejects with the server's sentence, or where the connection ends first. */
  async open(token?: string): Promise<SiteSocket> {
    const socket: SiteSocket = io(this.place.url, {
      auth: { token: token ?? (await this.token(CONTROL_LINE)) },
      transports: ['websocket'],
      reconnection: false,
      forceNew: true,
    });
    this.socket = socket;
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('connect_error', reject);
      // Of a connection that ends between being made and being let in, the socket itself says nothing; of one that is refused it
      // says why, right after this.
      socket.io.once('close', (reason) => {
        setImmediate(() => reject(new Error(`${this.name}: the connection ended: ${reason}`)));
      });
    });
    return socket;
  }

  async connect(): Promise<Acknowledgement> {
    await this.open();
    return this.hello();
  }

  async hello(changes: Partial<SiteHello> = {}): Promise<Acknowledgement> {
    const hello = { protocolVersion: PROTOCOL_VERSION, software: SOFTWARE, engine: 'none', data: this.data };
    return this.#socketOrThrow()
      .timeout(ACKNOWLEDGEMENT_MS)
      .emitWithAck('hello', { ...hello, ...changes }) as Promise<Acknowledgement>;
  }

  async report(progress: Progress): Promise<Acknowledgement> {
    return this.#socketOrThrow()
      .timeout(ACKNOWLEDGEMENT_MS)
      .emitWithAck('progress', progress) as Promise<Acknowledgement>;
  }

  disconnect(): void {
    this.socket?.disconnect();
  }

  /** Says yes to every study that it is offered and has said nothing to. */
  async assignment(): Promise<Assignment> {
    const { status, body } = await this.get('/site/assignment');
    if (status !== 200) throw new Error(`${this.name}: assignment: status ${status}: ${JSON.stringify(body)}`);
    const assignment = body as Assignment;
    for (const { digest, consent } of assignment.offers) if (consent === null) await this.consent(digest);
    return assignment;
  }

  async consent(studyDigest: Digest, decision: ConsentDecision = 'given'): Promise<void> {
    const at = this.place.clock.now().toISOString();
    const statement: ConsentStatement = { decision, studyDigest, siteId: this.id, at };
    const { status, body } = await this.post('/site/consents', { jws: await this.sign(statement) });
    if (status !== 204) throw new Error(`${this.name}: consent: status ${status}: ${JSON.stringify(body)}`);
  }

  /** The round that expects this site now, if one does; with `number`, only that one. */
  async task(number?: number): Promise<Task | null> {
    const { study, round } = await this.assignment();
    return study && round && (number === undefined || round.number === number) ? { study, round } : null;
  }

  /** `room`: a buffer that may be used again for it. */
  async download(digest: Digest, room?: Buffer): Promise<Buffer> {
    const headers = { 'accept-encoding': 'identity' };
    const { status, body } = await this.#ask('GET', `/blobs/${digest}`, headers, undefined, room);
    if (status !== 200) throw new Error(`${this.name}: blob ${digest}: status ${status}`);
    return body;
  }

  /** tus in two requests: create, then all bytes at once. Bytes that the server has already are not sent again. */
  async upload(bytes: Uint8Array, digest = createHash('sha256').update(bytes).digest('hex')): Promise<Digest> {
    const tus = { 'tus-resumable': '1.0.0' };
    const created = await this.#ask('POST', '/uploads', {
      ...tus,
      'upload-length': String(bytes.length),
      'upload-metadata': `digest ${Buffer.from(digest).toString('base64')}`,
    });
    if (created.status !== 201)
      throw new Error(`${this.name}: upload: status ${created.status}: ${created.body.toString()}`);
    const there = Number(created.headers['upload-offset'] ?? 0);
    if (there === bytes.length) return digest;
    const path = new URL(created.headers.location ?? '', `${this.place.url}/api/v1/uploads`).pathname;
    const headers = { ...tus, 'content-type': 'application/offset+octet-stream', 'upload-offset': '0' };
    const sent = await this.#ask('PATCH', path.replace('/api/v1', ''), headers, bytes);
    if (sent.status !== 204) throw new Error(`${this.name}: upload: status ${sent.status}: ${sent.body.toString()}`);
    return digest;
  }

  sign(manifest: object): Promise<string> {
    const payload = new TextEncoder().encode(JSON.stringify(manifest));
    return new CompactSign(payload).setProtectedHeader({ alg: 'EdDSA', kid: this.id }).sign(this.key);
  }

  manifestOf({ study, round }: Task, blob: BlobRef, changes: Partial<UpdateManifest> = {}): UpdateManifest {
    return {
      studyDigest: study.digest,
      roundId: round.id,
      siteId: this.id,
      base: round.base.digest,
      blob,
      labelled: this.data.labelled,
      unlabelled: this.data.unlabelled,
      steps: study.manifest.rounds.localSteps,
      metrics: METRICS,
      software: SOFTWARE,
      ...changes,
    };
  }

  async submit(manifest: object): Promise<SubmitAnswer> {
    return this.submitSigned(await this.sign(manifest));
  }

  async submitSigned(jws: string): Promise<SubmitAnswer> {
    const { status, body } = await this.post('/site/updates', { jws });
    if (status !== 200) throw new Error(`${this.name}: submit: status ${status}: ${JSON.stringify(body)}`);
    return body as SubmitAnswer;
  }

  /** The task's base with changes, uploaded and submitted. */
  async contributeTo(
    task: Task,
    change: (model: NamedTensors) => void,
    changes: Partial<UpdateManifest> = {},
  ): Promise<SubmitAnswer> {
    const { tensors } = decodeContainer(await this.download(task.round.base.digest));
    change(tensors);
    const update = encodeContainer(tensors);
    const digest = await this.upload(update);
    return this.submit(this.manifestOf(task, { digest, bytes: update.length }, changes));
  }

  #socketOrThrow(): SiteSocket {
    if (this.socket === undefined) throw new Error(`${this.name}: expected an open socket, got none`);
    return this.socket;
  }

  async #ask(
    method: string,
    path: string,
    headers: Record<string, string> = {},
    body?: string | Uint8Array,
    room?: Buffer,
  ): Promise<Exchanged> {
    // What an upload brings is named by the update's signed manifest.
    const proven = typeof body === 'string' ? body : undefined;
    const authorization = `Bearer ${await this.token({ method, path: `/api/v1${path}`, body: proven })}`;
    const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) };
    const request = { method, headers: { ...headers, ...length, authorization }, signal: this.signal, room };
    return exchange(`${this.place.url}/api/v1${path}`, request, body);
  }
}

function answerOf({ status, headers, body }: Exchanged): Answer {
  const text = body.toString('utf8');
  const isJson = headers['content-type']?.includes('json') ?? false;
  return { status, body: isJson ? (JSON.parse(text) as unknown) : text };
}

/** Sets every value of a tensor. */
export const fill =
  (name: string, value: number) =>
  (model: NamedTensors): void => {
    const tensor = model.get(name);
    if (tensor?.dtype !== 'float32') throw new Error(`expected a float32 tensor ${name}`);
    tensor.data.fill(value);
  };
