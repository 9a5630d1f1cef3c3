import { createHash } from 'node:crypto';
import type { Dissected, SentRequest } from './dissect.js';

/** What of a capture says anything: each as the site's log has to name it. */
export interface Content {
  way: string;
  /** SHA-256; null where nothing went but the asking. */
  digest: string | null;
}

/** An upload's content with what was said of it. */
export interface UploadContent {
  digest: string;
  metadata: Record<string, string>;
}

export interface Captured {
  contents: Content[];
  uploads: UploadContent[];
  /** Tokens, each with the request that it went with; null for the socket's. */
  tokens: { token: string; request: SentRequest | null }[];
  /** Names and values of headers that are not of the transport's own making. */
  strangeHeaders: string[];
}

const API = '/api/v1';
const UPLOADS = `${API}/uploads`;
const SOCKET = '/socket.io/';

/** Each header that a node may send, and every value that it may have. */
const HEADERS: Readonly<Partial<Record<string, RegExp>>> = {
  host: /^127\.0\.0\.1:\d+$/,
  connection: /^(keep-alive|close|Upgrade)$/i,
  accept: /^(application\/json|\*\/\*)$/,
  'accept-encoding': /^identity$/,
  authorization: /^Bearer [\w-]+\.[\w-]+\.[\w-]+$/,
  'content-type': /^(application\/json|application\/offset\+octet-stream|text\/plain;charset=UTF-8)$/,
  'content-length': /^\d+$/,
  'transfer-encoding': /^chunked$/,
  'user-agent': /^node-XMLHttpRequest$/,
  range: /^bytes=\d+-$/,
  'if-range': /^"[0-9a-f]{64}"$/,
  'tus-resumable': /^1\.0\.0$/,
  'upload-length': /^\d+$/,
  'upload-offset': /^\d+$/,
  'upload-metadata': /^[\w =,+/-]+$/,
  upgrade: /^websocket$/,
  'sec-websocket-version': /^13$/,
  'sec-websocket-key': /^[A-Za-z0-9+/=]{24}$/,
  'sec-websocket-extensions': /^permessage-deflate; client_max_window_bits$/,
};

export function contentOf(connections: readonly Dissected[]): Captured {
  const captured: Captured = { contents: [], uploads: [], tokens: [], strangeHeaders: [] };
  const requests = connections.flatMap((connection) => connection.requests);
  for (const request of requests) {
    for (const [name, value] of request.headers)
      if (!(HEADERS[name]?.test(value) ?? false)) captured.strangeHeaders.push(`${name}: ${value}`);
    const authorization = request.headers.get('authorization');
    if (authorization !== undefined) captured.tokens.push({ token: authorization.slice('Bearer '.length), request });
    if (request.path.startsWith(SOCKET)) takePackets(request.body.toString('utf8').split('\x1e'), captured);
    else if (!request.path.startsWith(UPLOADS)) captured.contents.push(restContent(request));
  }
  for (const { messages } of connections) takePackets(messages, captured);
  takeUploads(
    requests.filter(({ path }) => path.startsWith(UPLOADS)),
    captured,
  );
  return captured;
}

function restContent({ method, path, body }: SentRequest): Content {
  if (!path.startsWith(API)) throw new Error(`expected a request to the API, got ${method} ${path}`);
  return { way: `${method} ${path.slice(API.length)}`, digest: body.length === 0 ? null : sha256(body) };
}

/** Engine.IO's packets, and Socket.IO's in them. */
function takePackets(packets: readonly string[], { contents, tokens }: Captured): void {
  for (const packet of packets) {
    // Open, ping, pong, upgrade, close: without content.
    if (/^([1235]|2probe|41|)$/.test(packet)) continue;
    const message = /^4([02])\d*(.+)$/s.exec(packet);
    const type = message?.[1];
    const value: unknown = message === null ? null : JSON.parse(message[2]);
    if (type === '0' && isToken(value)) tokens.push({ token: value.token, request: null });
    else if (type === '2' && Array.isArray(value) && value.length === 2)
      contents.push({ way: `socket ${String(value[0])}`, digest: sha256(JSON.stringify(value[1])) });
    else throw new Error(`expected a message of the control line, got ${packet.slice(0, 80)}`);
  }
}

function isToken(value: unknown): value is { token: string } {
  return JSON.stringify(Object.keys(value ?? {})) === '["token"]';
}

/** tus: a POST says what will come, PATCHes bring it, HEADs ask how far it is. */
function takeUploads(requests: readonly SentRequest[], { uploads }: Captured): void {
  const bodies = requests.filter(({ method }) => method === 'PATCH').map(({ body }) => body);
  const begun = requests.filter(({ method }) => method === 'POST');
  if (begun.some(({ body }) => body.length > 0) || bodies.length !== begun.length)
    throw new Error('expected each upload to be one POST without and one PATCH with content, got others');
  begun.forEach(({ headers }, i) => uploads.push({ digest: sha256(bodies[i]), metadata: metadataOf(headers) }));
}

function metadataOf(headers: SentRequest['headers']): Record<string, string> {
  const pairs = (headers.get('upload-metadata') ?? '').split(',').map((pair) => pair.split(' '));
  return Object.fromEntries(pairs.map(([name, value]) => [name, Buffer.from(value, 'base64').toString('utf8')]));
}

function sha256(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}
