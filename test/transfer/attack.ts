import { connect } from 'node:net';
import { io } from 'socket.io-client';
import { CONTROL_LINE, PROTOCOL_VERSION, Random, type ProvenRequest } from '@consilium/shared';
import type { LinkedSite } from '../support/linked-site.js';
import { garbled, mutated } from './mutations.js';

export interface Attack {
  url: string;
  site: LinkedSite;
  operatorToken: string;
  seed: number;
  requests: number;
  /** Requests that are under way at a time; many wait for an answer that will not come. */
  lanes?: number;
  onProgress?: (done: number) => void;
}

export interface Outcome {
  /** How often each status was answered; 0 is a connection that was closed without one. */
  statuses: Record<number, number>;
  /** Answers of 500 and above, and answers that show where in the program they come from. */
  wrong: string[];
}

const ZERO = '00000000-0000-4000-8000-000000000000';
const DIGEST = 'a'.repeat(64);
const PATHS: [string, string, unknown?][] = [
  ['POST', '/login', { name: 'operator', password: 'wrong' }],
  ['POST', '/enrol', { code: 'x', publicKey: { kty: 'OKP', crv: 'Ed25519', x: 'A'.repeat(43) }, software: 'x' }],
  ['POST', '/enrolment-codes', { name: 'site-x', role: 'trainer' }],
  ['POST', '/studies', { name: 'x', model: { width: 2 }, rounds: { count: 1 } }],
  ['POST', '/site/updates', { jws: 'eyJhbGciOiJFZERTQSJ9.e30.AAAA' }],
  ['POST', '/site/evaluations', { studyId: ZERO, model: DIGEST, volumes: 1, dice: 0.5, hd95: null }],
  ['GET', '/site/assignment'],
  ['GET', `/studies/${ZERO}/rounds`],
  ['GET', `/rounds/${ZERO}`],
  ['GET', `/sites/${ZERO}/transfers`],
  ['POST', `/updates/${ZERO}/release`],
  ['GET', `/blobs/${DIGEST}`],
  ['POST', '/uploads'],
  ['PATCH', `/uploads/${DIGEST}-${ZERO}`],
  ['HEAD', `/uploads/${DIGEST}-${ZERO}`],
];
/** What only a program's inside looks like. */
const INSIDE = /\n\s+at |\.(ts|js):\d|node_modules|node:internal|QueryFailedError|SELECT /;

/** Sends requests and frames that are nearly right, some as HTTP, some as bytes on a socket, some on the control line. */
export async function attack(options: Attack): Promise<Outcome> {
  const { url, site, requests, lanes = 8, onProgress } = options;
  const outcome: Outcome = { statuses: {}, wrong: [] };
  const frames = frameSender(url, site);
  let begun = 0;
  // Each lane draws from a stream of its own: what it sends does not depend on who is answered first.
  const run = async (lane: number): Promise<void> => {
    const random = Random.from(options.seed, 'attack', lane);
    while (begun < requests) {
      begun++;
      onProgress?.(begun);
      await attackOnce(options, frames, random, outcome);
    }
  };
  await Promise.all(Array.from({ length: lanes }, (_, lane) => run(lane)));
  frames.close();
  return outcome;
}

async function attackOnce(
  { url, site, operatorToken }: Attack,
  frames: FrameSender,
  random: Random,
  outcome: Outcome,
): Promise<void> {
  const callers: Caller[] = [
    () => Promise.resolve(operatorToken),
    (request) => site.proofs.of(request),
    () => Promise.resolve('none'),
    () => Promise.resolve(''),
  ];
  const caller = callers[random.below(callers.length)];
  const [method, path, body] = PATHS[random.below(PATHS.length)];
  switch (random.below(4)) {
    case 0:
      return raw(url, garbled(await head(method, path, caller, body), random), outcome);
    case 1:
      return frames.send(outcome, random);
    default:
      return ask(url, { method, path, caller, body, random }, outcome);
  }
}

/** Who asks: the token that it would send with the request, so that most of what is wrong meets more than the door. */
type Caller = (request: ProvenRequest) => Promise<string>;

interface Question {
  method: string;
  path: string;
  caller: Caller;
  body: unknown;
  random: Random;
}

async function ask(url: string, { method, path, caller, body, random }: Question, outcome: Outcome): Promise<void> {
  const place = random.chance(0.2) ? path.replace(/[0-9a-f-]{20,}/, () => encodeURIComponent(odd(random))) : path;
  const text = body === undefined ? '' : JSON.stringify(mutated(body, random));
  const hasBody = method === 'POST' || method === 'PATCH';
  const sent = !hasBody ? undefined : random.chance(0.2) ? garbled(text, random) : text;
  const token = await caller({ method, path: `/api/v1${place}`, body: sent });
  const headers: Record<string, string> = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  if (path.startsWith('/uploads')) Object.assign(headers, tusHeaders(random));
  if (path.startsWith('/blobs') && random.chance(0.5))
    headers['range'] = `bytes=${random.below(100) - 50}-${random.below(9)}`;
  const response = await fetch(`${url}/api/v1${place}`, {
    method,
    headers,
    ...(sent !== undefined && { body: sent as string }),
    signal: AbortSignal.timeout(20_000),
  }).catch(() => null);
  note(outcome, response?.status ?? 0, (await response?.text().catch(() => '')) ?? '', `${method} ${place}`);
}

function tusHeaders(random: Random): Record<string, string> {
  const encoded = (text: string) => Buffer.from(text).toString('base64');
  const lengths = ['0', '10', '-5', '1e99', 'NaN', '99999999999999999999'];
  const metadata = [
    `digest ${encoded(DIGEST)}`,
    'digest',
    `digest ${encoded(odd(random))},encoding ${encoded('delta')}`,
    ',,,',
  ];
  return {
    'tus-resumable': random.chance(0.9) ? '1.0.0' : '9',
    'content-type': random.chance(0.8) ? 'application/offset+octet-stream' : 'text/plain',
    'upload-length': lengths[random.below(lengths.length)],
    'upload-offset': lengths[random.below(lengths.length)],
    'upload-metadata': metadata[random.below(metadata.length)],
  };
}

function odd(random: Random): string {
  return String.fromCharCode(...Array.from({ length: 1 + random.below(60) }, () => 1 + random.below(0x7e)));
}

async function head(method: string, path: string, caller: Caller, body: unknown): Promise<string> {
  const text = body === undefined ? '' : JSON.stringify(body);
  const token = await caller({ method, path: `/api/v1${path}`, body: text });
  const lines = [`${method} /api/v1${path} HTTP/1.1`, 'host: x', `authorization: Bearer ${token}`, 'connection: close'];
  return [...lines, 'content-type: application/json', `content-length: ${text.length}`, '', text].join('\r\n');
}

/** Bytes as they are, on a connection of their own. */
function raw(url: string, bytes: Buffer, outcome: Outcome): Promise<void> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(Number(port), hostname, () => socket.write(bytes));
    // A garbled length leaves the server waiting for the rest: that is its right, for a while.
    socket.setTimeout(300, () => socket.destroy());
    socket.on('data', (chunk) => (answer += chunk.toString('latin1')));
    socket.on('error', () => undefined);
    socket.once('close', () => {
      note(outcome, Number(/^HTTP\/1.1 (\d+)/.exec(answer)?.[1] ?? 0), answer, 'bytes');
      resolve();
    });
  });
}

interface FrameSender {
  send(outcome: Outcome, random: Random): Promise<void>;
  close(): void;
}

/** Sends garbled packets of the control line; the server may cut it, and then it is opened again. */
function frameSender(url: string, site: LinkedSite): FrameSender {
  const socket = io(url, {
    transports: ['websocket'],
    auth: (give) => void site.proofs.of(CONTROL_LINE).then((token) => give({ token })),
    reconnectionDelay: 10,
  });
  const hello = {
    protocolVersion: PROTOCOL_VERSION,
    software: 'x',
    engine: 'x',
    data: { labelled: 1, unlabelled: 0, validation: 0 },
  };
  const progress = { roundId: ZERO, phase: 'training', done: 1, total: 2, metrics: null };
  return {
    send: async (outcome, random) => {
      for (let wait = 0; !socket.connected && wait < 100; wait++)
        await new Promise((resolve) => setTimeout(resolve, 10));
      const [name, message] = random.chance(0.5) ? ['hello', hello] : ['progress', progress];
      if (random.chance(0.5)) {
        const answer: unknown = await socket
          .timeout(2000)
          .emitWithAck(name, mutated(message, random))
          .catch(() => null);
        note(outcome, 0, JSON.stringify(answer), name);
        return;
      }
      const packet = `2["${name}",${JSON.stringify(message)}]`;
      if (socket.connected) socket.io.engine.write(garbled(packet, random).toString('latin1'));
    },
    close: () => socket.disconnect(),
  };
}

function note(outcome: Outcome, status: number, text: string, what: string): void {
  outcome.statuses[status] = (outcome.statuses[status] ?? 0) + 1;
  if (status >= 500 || INSIDE.test(text)) outcome.wrong.push(`${what}: ${status} ${text.slice(0, 300)}`);
}
