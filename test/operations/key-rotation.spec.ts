import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ControlSocket, keyInForce, nodeHome, requireEnrolment, silentLog } from '@consilium/client-node';
import {
  decodeContainer,
  encodeContainer,
  OperatorClient,
  PROTOCOL_VERSION,
  type KeyChange,
  type LogEvent,
  type StudyView,
} from '@consilium/shared';
import { LogVerifier } from '@consilium/verify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LinkedSite } from '../support/linked-site.js';
import { eventually } from '../support/rounds-bench.js';
import { OPERATOR, ServerProcess } from '../support/server-process.js';

const NODE = createRequire(import.meta.url).resolve('@consilium/client-node/dist/cli/main.js');

describe("A12 a site's key is changed in the middle of a round", { timeout: 60_000 }, () => {
  let home: string;
  let server: ServerProcess;
  let operator: OperatorClient;
  let study: StudyView;
  let site: LinkedSite;
  let line: ControlSocket;
  beforeAll(async () => {
    home = mkdtempSync(join(tmpdir(), 'consilium-keys-'));
    server = await ServerProcess.start(home);
    operator = await OperatorClient.logIn(server.url, OPERATOR);
    site = await operator.admit('rotates', (code) => LinkedSite.enrol(server.url, code));
    study = await operator.createStudy({ name: 'keys', rounds: { count: 1, minimumSites: 1 } });
    await site.consent(study.digest);
    line = await connected();
  }, 60_000);
  afterAll(async () => {
    line.close();
    site.close();
    await server.stop();
    rmSync(home, { recursive: true, force: true });
  });

  const connected = () =>
    new Promise<ControlSocket>((resolve, reject) => {
      const data = { labelled: 2, unlabelled: 0, validation: 0 };
      const socket = new ControlSocket({
        route: site.route,
        proofs: site.proofs,
        hello: () => ({ protocolVersion: PROTOCOL_VERSION, software: 'test 0', engine: 'none', data }),
        log: silentLog,
        onWake: () => resolve(socket),
        onRefused: (sentence) => reject(new Error(sentence)),
      });
      socket.open();
    });
  const isConnected = async () => (await operator.sites()).some(({ id, connected: here }) => id === site.id && here);
  const keyOf = async () => (await requireEnrolment(nodeHome(site.folder))).key;
  const rotate = async (): Promise<{ former: string; fingerprint: string }> => {
    const { stdout } = await promisify(execFile)(process.execPath, [
      NODE,
      'key',
      'rotate',
      '--home',
      site.folder,
      '--json',
    ]);
    return JSON.parse(stdout) as { former: string; fingerprint: string };
  };
  const log = async (): Promise<string[]> => {
    const text = await new Response(await operator.open('/log/export')).text();
    return text.trimEnd().split('\n');
  };
  const changes = async () =>
    (await log()).map((line) => JSON.parse(line) as LogEvent).filter(({ type }) => type === 'site-key-changed');

  it('is refused with words of one key only, or of another site', async () => {
    const key = await keyOf();
    const other = await operator.admit('other', (code) => LinkedSite.enrol(server.url, code));
    const { key: stranger } = await requireEnrolment(nodeHome(other.folder));
    const change: KeyChange = {
      siteId: site.id,
      former: key.thumbprint,
      publicKey: stranger.publicKey,
      at: new Date().toISOString(),
    };
    const ofAnother: KeyChange = { ...change, former: 'x' };
    const [ours, theirs] = [await key.sign(change), await stranger.sign(change)];
    const answer = (endorsement: string, possession: string) => site.rest.changeKey({ endorsement, possession });
    await expect(answer(theirs, theirs)).rejects.toThrow('expected a signature by the key in force');
    await expect(answer(ours, ours)).rejects.toThrow('expected a signature by the new key');
    await expect(answer(ours, theirs)).rejects.toThrow('belongs to a site already');
    await expect(answer(await key.sign(ofAnother), theirs)).rejects.toThrow('as the former one, got x');
    other.close();
  });

  it('goes on with the new key, without a restart, and leaves a log that proves both', async () => {
    await operator.setStudy(study.id, 'start');
    const assignment = await eventually('a round', async () => {
      const given = await site.rest.assignment();
      return given.round === null ? null : given;
    });
    const former = await keyOf();
    const changed = await rotate();
    expect(changed).toEqual({ site: 'rotates', former: former.fingerprint, fingerprint: (await keyOf()).fingerprint });
    expect(changed.fingerprint).not.toBe(changed.former);
    const { tensors } = decodeContainer(readFileSync(await site.blobs().fetch(assignment.model!.blob)));
    const blob = await site.upload(encodeContainer(tensors));
    const manifest = await site.manifest(assignment, blob);
    expect(await site.rest.submitUpdate(await former.sign(manifest))).toMatchObject({
      refusal: { reason: 'bad-signature' },
    });
    expect(await site.submit(manifest)).toMatchObject({ accepted: true });
    await eventually('the control line to be back', isConnected);
    expect(await changes()).toMatchObject([
      { site: 'rotates', former: former.thumbprint, publicKey: (await keyOf()).publicKey },
    ]);
  });

  it('is finished by another call where it was interrupted after the server’s yes', async () => {
    const { nextKey, key } = nodeHome(site.folder);
    const before = readFileSync(key);
    await rotate();
    // As if the process had ended between the two: the former key is in force here, the next one at the server.
    renameSync(key, nextKey);
    utimesSync(nextKey, 0, 0);
    writeFileSync(key, before);
    await expect(site.rest.assignment()).rejects.toThrow();
    await rotate();
    expect(existsSync(nextKey)).toBe(false);
    expect(await site.rest.approval()).toEqual({ state: 'enrolled' });
    expect(await keyInForce(nodeHome(site.folder))()).toMatchObject({ publicKey: (await keyOf()).publicKey });
    expect(await changes()).toHaveLength(2);
  });
  it('is not believed by an auditor without the words of the former key', async () => {
    const lines = await log();
    const verdict = (told: readonly string[]) => {
      const verifier = new LogVerifier({ receipts: [], checkpoints: [] });
      for (const line of told) verifier.push(Buffer.from(line, 'utf8'));
      return verifier.finish();
    };
    expect(verdict(lines).problems).toEqual([]);
    const index = lines.findIndex((line) => line.includes('"type":"site-key-changed"'));
    const { endorsement } = JSON.parse(lines[index]) as { endorsement: string };
    const [header, payload] = endorsement.split('.');
    const forged = lines.with(index, lines[index].replace(endorsement, `${header}.${payload}.${'A'.repeat(86)}`));
    expect(JSON.stringify(verdict(forged).problems)).toContain('expected a change of key to be signed with the key');
  });
});
