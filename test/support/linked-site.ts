import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  BlobCache,
  enrol,
  keyInForce,
  nodeHome,
  requireEnrolment,
  RestClient,
  Route,
  SiteProofs,
  systemClock,
  uploadBlob,
  type Clock,
  type PreparedUpload,
  type RouteSettings,
} from '@consilium/client-node';
import { lenientGate } from '@consilium/client-node/dist/egress/gate.fixture.js';
import { METRICS } from '@consilium/server/dist/simulation/light-site.js';
import {
  digestOfBytes,
  ModelSettings,
  type Assignment,
  type ConsentStatement,
  type SubmitAnswer,
  type UpdateManifest,
} from '@consilium/shared';

interface LinkOptions {
  /** In place of the address that the site enrolled at: a proxy's. */
  url?: string;
  route?: RouteSettings;
  clock?: Clock;
}

/** A node's own transport, with its key and home, but no engine and no volumes. */
export class LinkedSite {
  private constructor(
    readonly folder: string,
    readonly id: string,
    readonly rest: RestClient,
    readonly route: Route,
    readonly proofs: SiteProofs,
    readonly fingerprint: string,
    private readonly sign: (statement: { siteId: string }) => Promise<string>,
  ) {}

  static async enrol(url: string, code: string, options: LinkOptions = {}): Promise<LinkedSite> {
    const folder = mkdtempSync(join(tmpdir(), 'consilium-site-'));
    const route = new Route(url, lenientGate(), options.route);
    const rest = new RestClient(route, systemClock);
    await enrol({ home: nodeHome(folder), rest, code, software: 'test 0', now: () => Date.now() });
    route.close();
    return LinkedSite.open(folder, { url, ...options });
  }

  static async open(folder: string, { url, route: settings, clock = systemClock }: LinkOptions): Promise<LinkedSite> {
    const home = nodeHome(folder);
    const { enrolment, key } = await requireEnrolment(home);
    const route = new Route(url ?? enrolment.server, lenientGate(), settings);
    const inForce = keyInForce(home);
    const proofs = new SiteProofs(inForce, enrolment, clock);
    const rest = new RestClient(route, clock, proofs);
    const sign = async (statement: { siteId: string }) => (await inForce()).sign(statement);
    return new LinkedSite(folder, enrolment.siteId, rest, route, proofs, key.fingerprint, sign);
  }

  get placeFile(): string {
    return join(this.folder, 'upload.json');
  }

  blobs(): BlobCache {
    return new BlobCache(join(this.folder, 'blobs'), this.rest);
  }

  /** `digest` may be a lie. */
  async upload(bytes: Uint8Array, digest = digestOfBytes(bytes)): Promise<{ digest: string; bytes: number }> {
    const file = join(this.folder, 'update');
    writeFileSync(file, bytes);
    const blob = { digest, bytes: bytes.length };
    await this.send({ file, wireBytes: bytes.length, encoding: 'float32', base: null, blob });
    return blob;
  }

  async send(upload: PreparedUpload, signal?: AbortSignal): Promise<void> {
    const base = { digest: upload.base ?? upload.blob.digest, file: upload.file };
    const trained = { labelled: 2, unlabelled: 0, steps: 5 };
    const outgoing = {
      kind: 'update' as const,
      study: '0'.repeat(64),
      upload,
      trained,
      model: ModelSettings.parse({}),
      base,
    };
    const permit = await this.route.gate.pass(outgoing);
    await uploadBlob(this.rest, { permit, placeFile: this.placeFile, ...(signal && { signal }) });
  }

  async consent(studyDigest: string): Promise<void> {
    const statement: ConsentStatement = {
      decision: 'given',
      studyDigest,
      siteId: this.id,
      at: new Date().toISOString(),
    };
    await this.rest.consent(await this.sign(statement));
  }

  /** A right manifest of the open round, with changes that may make it wrong. */
  async manifest(
    assignment: Assignment,
    blob: UpdateManifest['blob'],
    changes: Record<string, unknown> = {},
  ): Promise<UpdateManifest> {
    const { study, round } = assignment;
    if (study === null || round === null) throw new Error('expected an open round for this site');
    const manifest = {
      studyDigest: study.digest,
      roundId: round.id,
      siteId: this.id,
      base: round.base.digest,
      blob,
      labelled: 2,
      unlabelled: 0,
      steps: 5,
      metrics: METRICS,
      software: 'test 0',
    };
    return Promise.resolve({ ...manifest, ...changes });
  }

  async submit(manifest: UpdateManifest): Promise<SubmitAnswer> {
    return this.rest.submitUpdate(await this.sign(manifest));
  }

  close(): void {
    this.route.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
