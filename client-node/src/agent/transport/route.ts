import { readFileSync } from 'node:fs';
import { Agent as HttpAgent, request as requestHttp, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import { Readable } from 'node:stream';
import { rootCertificates } from 'node:tls';
import { HttpsProxyAgent } from 'https-proxy-agent';
import type { ProvenRequest } from '@consilium/shared';
import type { Gate, Permit } from '../../egress/gate.js';
import { errorText, NodeFailure, systemCode } from '../../settings/failure.js';

export interface RouteSettings {
  /** http://[USER:PASSWORD@]HOST:PORT of a proxy that tunnels with CONNECT. */
  proxy?: string | undefined;
  /** In its place for a server with https. */
  httpsProxy?: string | undefined;
  /** Hosts that are reached directly: names, .suffixes, or * for all. */
  noProxy?: readonly string[];
  /** PEM file with certificates that are trusted besides those that Node brings. */
  caFile?: string | undefined;
  /** PEM files of what this node shows to a server that asks for it. */
  clientCertificate?: string | undefined;
  clientKey?: string | undefined;
}

/** Milliseconds for which an idle connection is kept. */
const KEEP_ALIVE_MS = 15_000;

/** Where the server's REST interface begins. */
export const API = '/api/v1';

export type Prove = (request: ProvenRequest) => Promise<Record<string, string>>;

interface Extras extends Pick<RequestInit, 'headers' | 'signal'> {
  /** Headers that say who asks, for the request as it goes. */
  prove: Prove;
}

/** The way from this node to its server, and the gate before it: all of REST, uploads, downloads and the control line go it. */
export class Route {
  /** For clients that speak HTTP by Node's own modules. */
  readonly agent: HttpAgent;
  /** Certificates to trust; undefined leaves it to Node. */
  readonly ca: string[] | undefined;
  /** Of the server, for sentences. */
  readonly name: string;
  readonly #secure: boolean;

  /** Throws NodeFailure (usage) where the CA file or the proxy's address is not usable. */
  constructor(
    readonly server: string,
    readonly gate: Gate,
    settings: RouteSettings = {},
  ) {
    const url = new URL(server);
    this.#secure = url.protocol === 'https:';
    this.ca = settings.caFile === undefined ? undefined : [...rootCertificates, readCertificates(settings.caFile)];
    const options = {
      keepAlive: true,
      keepAliveMsecs: KEEP_ALIVE_MS,
      ...(this.ca && { ca: this.ca }),
      ...clientIdentity(settings),
    };
    const proxy = settings.proxy ?? (this.#secure ? settings.httpsProxy : undefined);
    const isTunnelled = proxy !== undefined && !isExcepted(url.hostname, settings.noProxy ?? []);
    this.name = isTunnelled ? `${server} (by the proxy ${new URL(proxy).host})` : server;
    if (isTunnelled) this.agent = new HttpsProxyAgent(proxy, options);
    else this.agent = this.#secure ? new HttpsAgent(options) : new HttpAgent(options);
  }

  /** As fetch does it, without redirects: resolves once the head of the answer is there. */
  async send(permit: Permit<'request'>, { headers, signal, prove }: Extras): Promise<Response> {
    const { method, path, body } = permit.take();
    const proof = await prove({ method, path: `${API}${path}`, body });
    return new Promise((resolve, reject) => {
      const ask = this.#secure ? requestHttps : requestHttp;
      const options = {
        method,
        headers: { ...Object.fromEntries(new Headers(headers)), ...proof },
        agent: this.agent,
        ...(this.ca && { ca: this.ca }),
        ...(signal && { signal }),
      };
      const request = ask(`${this.server}${API}${path}`, options, (incoming) => resolve(responseOf(incoming)));
      request.on('error', (error) => reject(signal?.aborted === true ? abortOf(signal) : error));
      request.end(body);
    });
  }

  /** Lets idle connections go. */
  close(): void {
    this.agent.destroy();
  }
}

function responseOf(incoming: IncomingMessage): Response {
  const headers = new Headers();
  for (const [name, value] of Object.entries(incoming.headers))
    if (value !== undefined) headers.set(name, Array.isArray(value) ? value.join(', ') : value);
  const status = incoming.statusCode ?? 0;
  const isEmpty = status === 204 || status === 205 || status === 304;
  if (isEmpty) incoming.resume();
  // Node's type of a web stream is not the one of fetch's.
  const body = isEmpty ? null : (Readable.toWeb(incoming) as unknown as ReadableStream<Uint8Array>);
  return new Response(body, { status, headers });
}

function abortOf(signal: AbortSignal): Error {
  const reason: unknown = signal.reason;
  return reason instanceof Error ? reason : new Error(errorText(reason));
}

/** Whether `host` is in a list as NO_PROXY has it. */
export function isExcepted(host: string, excepted: readonly string[]): boolean {
  const name = host.toLowerCase().replace(/^\[|\]$/g, '');
  return excepted.some((entry) => {
    const wanted = entry.toLowerCase().replace(/^\*?\./, '');
    return wanted === '*' || name === wanted || name.endsWith(`.${wanted}`);
  });
}

function clientIdentity({ clientCertificate, clientKey }: RouteSettings): { cert?: string; key?: string } {
  if (clientCertificate === undefined && clientKey === undefined) return {};
  if (clientCertificate === undefined || clientKey === undefined)
    throw new NodeFailure('usage', 'clientCertificate: expected it together with clientKey, got one of them');
  return { cert: readPem('clientCertificate', clientCertificate), key: readPem('clientKey', clientKey) };
}

function readCertificates(path: string): string {
  const text = readPem('caFile', path);
  if (text.includes('-----BEGIN CERTIFICATE-----')) return text;
  throw new NodeFailure('usage', `caFile: expected PEM certificates in ${path}, got none`);
}

function readPem(setting: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new NodeFailure('usage', `${setting}: ${path} cannot be read (${systemCode(error) ?? 'unknown'})`, {
      cause: error,
    });
  }
}
