import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { Request } from 'express';
import type { OperatorRole, SiteState } from '@consilium/shared';
import type { SiteRole } from '../sites/site.entity.js';

/** Who speaks, proven by a token. `expiresAt` in milliseconds of the epoch. */
export type OperatorCaller = {
  kind: 'operator';
  id: string;
  name: string;
  role: OperatorRole;
  session: string;
  expiresAt: number;
};
export type SiteCaller = {
  kind: 'site';
  id: string;
  name: string;
  role: SiteRole;
  state: Exclude<SiteState, 'revoked'>;
  /** RFC 7638 thumbprint of its key. */
  fingerprint: string;
  expiresAt: number;
};
export type Caller = OperatorCaller | SiteCaller;

const callers = new WeakMap<object, Caller>();

export function rememberCaller(request: object, caller: Caller): void {
  callers.set(request, caller);
}

/** Throws where the guard has not let anyone in: a route that asks for a caller is never public. */
export function callerOf(request: object): Caller {
  const caller = callers.get(request);
  if (!caller) throw new Error('request: expected a caller that the guard has let in, got none');
  return caller;
}

export function siteOf(request: object): SiteCaller {
  const caller = callerOf(request);
  if (caller.kind !== 'site') throw new Error(`request: expected a site, got an ${caller.kind}`);
  return caller;
}

function operatorOf(request: object): OperatorCaller {
  const caller = callerOf(request);
  if (caller.kind !== 'operator') throw new Error(`request: expected an operator, got a ${caller.kind}`);
  return caller;
}

export const FromSite = createParamDecorator((_: unknown, context: ExecutionContext) =>
  siteOf(context.switchToHttp().getRequest<Request>()),
);

export const FromOperator = createParamDecorator((_: unknown, context: ExecutionContext) =>
  operatorOf(context.switchToHttp().getRequest<Request>()),
);

export const FromCaller = createParamDecorator((_: unknown, context: ExecutionContext) =>
  callerOf(context.switchToHttp().getRequest<Request>()),
);
