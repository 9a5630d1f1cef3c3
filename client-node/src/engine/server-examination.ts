import { PROTOCOL_VERSION } from '@consilium/shared';
import { z } from 'zod';
import type { DoctorItem } from './doctor-report.js';

const Health = z.object({
  status: z.literal('ok'),
  version: z.string(),
  protocolVersion: z.int(),
  time: z.iso.datetime({ offset: true }).optional(),
});

const patience = 10_000;
/** A site's tokens live five minutes; a clock that is off by more than a minute makes some of them invalid. */
const largestSkew = 60;
const noticeableSkew = 5;

/** Asks the server who it is and what time it has. */
export async function examineServer(url: string, ask: typeof fetch, now: () => number): Promise<DoctorItem[]> {
  const began = now();
  let answer: Response;
  let body: unknown;
  try {
    answer = await ask(new URL('api/v1/health', url.endsWith('/') ? url : `${url}/`), {
      signal: AbortSignal.timeout(patience),
    });
    body = await answer.json().catch(() => null);
  } catch (error) {
    return [unreachable(`${url} does not answer: ${causeOf(error)}.`)];
  }
  const ended = now();
  const health = Health.safeParse(body);
  if (!answer.ok || !health.success) {
    return [unreachable(`${url} answers, and not as a Consilium server (HTTP ${String(answer.status)}).`)];
  }
  const { version, protocolVersion, time } = health.data;
  const stated = time ?? answer.headers.get('date');
  return [
    reachableItem(url, version, protocolVersion, ended - began),
    ...(stated === null ? [] : [clockItem((began + ended) / 2 - Date.parse(stated), ended - began)]),
  ];
}

function unreachable(sentence: string): DoctorItem {
  return { name: 'server', status: 'fail', value: null, sentence };
}

function reachableItem(url: string, version: string, protocol: number, milliseconds: number): DoctorItem {
  if (protocol !== PROTOCOL_VERSION) {
    const versions = `the server speaks protocol ${String(protocol)}, this node ${String(PROTOCOL_VERSION)}`;
    return unreachable(`${url} answers, but ${versions}: update the older one.`);
  }
  return {
    name: 'server',
    status: 'ok',
    value: milliseconds,
    sentence: `${url} answers in ${milliseconds.toFixed(0)} ms, version ${version}.`,
  };
}

function clockItem(skewMilliseconds: number, roundTrip: number): DoctorItem {
  const seconds = skewMilliseconds / 1000;
  const size = Math.abs(seconds);
  const direction = seconds > 0 ? 'ahead of' : 'behind';
  const found = `This clock is ${size.toFixed(1)} s ${direction} the server's (to ${(roundTrip / 2000).toFixed(1)} s)`;
  const status = size > largestSkew ? 'fail' : size > noticeableSkew ? 'warn' : 'ok';
  return {
    name: 'clock',
    status,
    value: seconds,
    sentence: status === 'ok' ? `${found}.` : `${found}: set it by NTP, or the server will refuse this site's tokens.`,
  };
}

function causeOf(error: unknown): string {
  const { name, message, cause } = error as Error & { cause?: NodeJS.ErrnoException };
  if (name === 'TimeoutError') return `nothing came within ${String(patience / 1000)} s`;
  switch (cause?.code) {
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'the name is unknown';
    case 'ECONNREFUSED':
      return 'nothing listens there';
    case 'CERT_HAS_EXPIRED':
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'SELF_SIGNED_CERT_IN_CHAIN':
      return `its certificate is not trusted (${cause.code})`;
    default:
      return cause?.message ?? message;
  }
}
