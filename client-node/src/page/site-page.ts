import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { errorText, NodeFailure } from '../settings/failure.js';
import { staticFile } from './static-files.js';

const LOOPBACK = '127.0.0.1';
const BODY_BYTES = 16 * 1024;
/** Nothing of another origin; a viewer compiles WebAssembly, starts workers and shows images from memory. */
const POLICY = [
  "default-src 'self'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data: blob:",
  "font-src 'self' data:",
  "worker-src 'self' blob:",
  "connect-src 'self' blob: data:",
  "object-src 'none'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

/** What a route answers: a value as JSON, or bytes. */
export type Answer = { json: unknown } | { bytes: Uint8Array };
export type Routes = (method: string, path: string, query: URLSearchParams, body: unknown) => Promise<Answer | null>;

export interface SitePageOptions {
  port: number;
  /** Whoever shows it may read patients' images and decide for the site. */
  token: string;
  /** Of the built pages. */
  files: string;
  routes: Routes;
  warn: (sentence: string) => void;
}

/**
 * Serves the site's page on this machine's loopback address and nowhere else. A page of another site that a browser here shows
 * can send requests, but not with the token; a name that somebody lets point here is not answered.
 */
export class SitePage {
  private constructor(private readonly server: Server) {}

  static async open(options: SitePageOptions): Promise<SitePage> {
    const server = createServer((request, response) => void answer(request, response, options));
    server.listen(options.port, LOOPBACK);
    try {
      await once(server, 'listening');
    } catch (error) {
      throw new NodeFailure('usage', `page: expected port ${options.port} to be free (${errorText(error)})`, {
        cause: error,
      });
    }
    return new SitePage(server);
  }

  get port(): number {
    return (this.server.address() as { port: number }).port;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

async function answer(request: IncomingMessage, response: ServerResponse, options: SitePageOptions): Promise<void> {
  const headers = {
    'content-security-policy': POLICY,
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cross-origin-resource-policy': 'same-origin',
    'cache-control': 'no-store',
  };
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  try {
    if (!/^(127\.0\.0\.1|localhost)(:\d+)?$/.test(request.headers.host ?? '')) {
      refuse(response, 421, 'This page is answered under 127.0.0.1 and localhost only.');
      return;
    }
    const { pathname, searchParams } = new URL(request.url ?? '/', `http://${LOOPBACK}`);
    const path = decodeURIComponent(pathname);
    if (!path.startsWith('/api/v1/')) {
      await sendFile(response, request, path, options.files);
      return;
    }
    if (!isBearer(request.headers.authorization, options.token)) {
      refuse(response, 401, 'Open the address that “consilium-node page” has printed: it lets you in.');
      return;
    }
    const body = request.method === 'POST' ? await readBody(request) : undefined;
    const found = await options.routes(request.method ?? '', path.slice('/api/v1'.length), searchParams, body);
    if (found === null) {
      refuse(response, 404, `There is nothing at ${path}.`);
      return;
    }
    const [type, content] =
      'json' in found
        ? ['application/json', Buffer.from(JSON.stringify(found.json))]
        : ['application/octet-stream', found.bytes];
    response.writeHead(200, { 'content-type': type, 'content-length': content.byteLength }).end(content);
  } catch (error) {
    if (error instanceof NodeFailure) refuse(response, 422, error.message);
    else {
      options.warn(`the site's page: ${request.method} ${request.url}: ${errorText(error)}`);
      refuse(response, 500, 'The node could not answer; its log has the cause.');
    }
  }
}

function isBearer(header: string | undefined, token: string): boolean {
  const [given, wanted] = [header ?? '', `Bearer ${token}`].map((text) => Buffer.from(text));
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  let text = '';
  for await (const chunk of request.setEncoding('utf8') as AsyncIterable<string>) {
    text += chunk;
    if (text.length > BODY_BYTES) throw new NodeFailure('usage', 'The request is too long.');
  }
  try {
    return JSON.parse(text === '' ? 'null' : text);
  } catch {
    throw new NodeFailure('usage', 'Expected JSON in the request.');
  }
}

async function sendFile(
  response: ServerResponse,
  request: IncomingMessage,
  path: string,
  folder: string,
): Promise<void> {
  const file = request.method === 'GET' ? await staticFile(folder, path === '/' ? '/site.html' : path) : null;
  if (file === null) refuse(response, 404, `There is nothing at ${path}.`);
  else response.writeHead(200, { 'content-type': file.type, 'content-length': file.content.length }).end(file.content);
}

function refuse(response: ServerResponse, status: number, message: string): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ statusCode: status, code: 'site-page', message }));
}
