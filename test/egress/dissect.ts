/** One request as it was sent. */
export interface SentRequest {
  method: string;
  path: string;
  headers: ReadonlyMap<string, string>;
  body: Buffer;
}

export interface Dissected {
  requests: SentRequest[];
  /** Payloads of what went over a connection once it was a WebSocket, without those that only keep it open. */
  messages: string[];
}

/** Takes apart all that a client has sent over one connection (RFC 9112, RFC 6455). Throws on any byte that is not understood. */
export function dissect(sent: Buffer): Dissected {
  const requests: SentRequest[] = [];
  let at = 0;
  while (at < sent.length) {
    const end = sent.indexOf('\r\n\r\n', at);
    if (end < 0)
      throw new Error(`expected the head of a request at ${at}, got ${sent.toString('latin1', at, at + 80)}`);
    const [line, ...fields] = sent.toString('latin1', at, end).split('\r\n');
    const [method, path, version] = line.split(' ');
    if (version !== 'HTTP/1.1') throw new Error(`expected an HTTP/1.1 request, got ${line.slice(0, 80)}`);
    const headers = new Map(fields.map(headerOf));
    const { body, next } = bodyAt(sent, end + 4, headers);
    requests.push({ method, path, headers, body });
    at = next;
    if (headers.get('upgrade') === 'websocket') return { requests, messages: messagesIn(sent.subarray(at)) };
  }
  return { requests, messages: [] };
}

function headerOf(field: string): [string, string] {
  const colon = field.indexOf(':');
  return [field.slice(0, colon).toLowerCase(), field.slice(colon + 1).trim()];
}

function bodyAt(sent: Buffer, at: number, headers: ReadonlyMap<string, string>): { body: Buffer; next: number } {
  if (headers.get('transfer-encoding') === 'chunked') return chunksAt(sent, at);
  const length = Number(headers.get('content-length') ?? 0);
  if (at + length > sent.length) throw new Error(`expected a body of ${length} bytes, got ${sent.length - at}`);
  return { body: sent.subarray(at, at + length), next: at + length };
}

function chunksAt(sent: Buffer, start: number): { body: Buffer; next: number } {
  const chunks: Buffer[] = [];
  for (let at = start; ;) {
    const line = sent.indexOf('\r\n', at);
    const length = parseInt(sent.toString('latin1', at, line), 16);
    if (line < 0 || Number.isNaN(length)) throw new Error('expected a chunk, got another text');
    at = line + 2 + length + 2;
    if (length === 0) return { body: Buffer.concat(chunks), next: at };
    chunks.push(sent.subarray(line + 2, line + 2 + length));
  }
}

const [TEXT, CLOSE, PING, PONG] = [1, 8, 9, 10];

function messagesIn(frames: Buffer): string[] {
  const messages: string[] = [];
  for (let at = 0; at < frames.length;) {
    const opcode = frames[at] & 0x0f;
    if ((frames[at] & 0xf0) !== 0x80) throw new Error('expected a whole frame without extension, got another');
    if ((frames[at + 1] & 0x80) === 0) throw new Error('expected a masked frame, got another');
    let length = frames[at + 1] & 0x7f;
    at += 2;
    if (length === 126) {
      length = frames.readUInt16BE(at);
      at += 2;
    } else if (length === 127) {
      length = Number(frames.readBigUInt64BE(at));
      at += 8;
    }
    const mask = frames.subarray(at, at + 4);
    const payload = frames.subarray(at + 4, at + 4 + length).map((byte, i) => byte ^ mask[i & 3]);
    if (payload.length !== length) throw new Error(`expected a frame of ${length} bytes, got ${payload.length}`);
    at += 4 + length;
    if (opcode === TEXT) messages.push(Buffer.from(payload).toString('utf8'));
    else if (opcode === CLOSE ? length > 2 : (opcode !== PING && opcode !== PONG) || length > 0)
      throw new Error(`expected no content in a frame of kind ${opcode}, got ${length} bytes`);
  }
  return messages;
}
