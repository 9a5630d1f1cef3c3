import { Id } from '@consilium/shared';
import type { Request } from 'express';
import type { FinishedSpan } from './traces.js';

const OWNERS: Record<string, string> = { studies: 'consilium.study.id', rounds: 'consilium.round.id' };
const FAILED = 500;

/** By the route's pattern, not by what was asked for: addresses, bodies and headers may hold what is nobody's business. */
export function requestSpan(request: Request, status: number, begin: Date, milliseconds: number): FinishedSpan {
  const route = (request.route as { path?: unknown } | undefined)?.path;
  const pattern = typeof route === 'string' ? route : undefined;
  return {
    name: pattern === undefined ? request.method : `${request.method} ${pattern}`,
    begin,
    end: new Date(begin.getTime() + Math.ceil(milliseconds)),
    attributes: {
      'http.request.method': request.method,
      'http.response.status_code': status,
      ...(pattern !== undefined && { 'http.route': pattern, ...ownerOf(pattern, request.params['id']) }),
    },
    failed: status >= FAILED,
  };
}

/** The study or round whose id stands in the route. */
function ownerOf(pattern: string, id: unknown): Record<string, string> {
  const kind = /\/(studies|rounds)\/:id(?:\/|$)/.exec(pattern)?.[1];
  const known = Id.safeParse(id);
  return kind !== undefined && known.success ? { [OWNERS[kind]]: known.data } : {};
}
