import { Injectable, type CanActivate, type ExecutionContext, type RawBodyRequest } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { proofClaims, roleIncludes, spokenFingerprint } from '@consilium/shared';
import type { Request } from 'express';
import { ApiError } from '../http/api-error.js';
import { ACCESS, type Permission } from './access.decorator.js';
import { rememberCaller, type Caller, type SiteCaller } from './caller.js';
import { TokensService } from './tokens.service.js';

@Injectable()
export class AccessGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly tokens: TokensService,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    if (context.getType() !== 'http') return true;
    const permission = this.reflector.get<Permission | undefined>(ACCESS, context.getHandler());
    if (permission === 'public') return true;
    if (permission === undefined) throw new ApiError('forbidden', 'This address is closed.');
    const request = context.switchToHttp().getRequest<RawBodyRequest<Request>>();
    const { method, originalUrl: path, rawBody: body } = request;
    const caller = await this.tokens.verify(
      bearerToken(request.headers.authorization),
      proofClaims({ method, path, body }),
    );
    requirePermission(permission, caller);
    rememberCaller(request, caller);
    return true;
  }
}

function requirePermission(permission: Exclude<Permission, 'public'>, caller: Caller): void {
  const isForSites = permission === 'site' || permission === 'applicant';
  if (caller.kind === 'site') {
    if (!isForSites && permission !== 'any')
      throw new ApiError('forbidden', 'This address is for operators; the token is one of a site.');
    if (permission !== 'applicant') requireApproval(caller);
    return;
  }
  if (isForSites) throw new ApiError('forbidden', 'This address is for sites; the token is one of an operator.');
  if (permission !== 'any' && !roleIncludes(caller.role, permission)) {
    throw new ApiError(
      'forbidden',
      `This address needs the role ${permission}; ${caller.name} has the role ${caller.role}.`,
    );
  }
}

/** Throws where the operator has not said yet that the key is the site's. */
export function requireApproval({ name, state, fingerprint }: SiteCaller): void {
  if (state === 'enrolled') return;
  throw new ApiError(
    'site-pending',
    `${name} has enrolled and waits for the operator's approval: read its fingerprint ${spokenFingerprint(fingerprint)} to the operator over the telephone.`,
  );
}

function bearerToken(header: string | undefined): string {
  const token = /^Bearer ([\w.~+/=-]+)$/i.exec(header ?? '')?.[1];
  if (token === undefined)
    throw new ApiError('unauthenticated', 'A token is needed: expected the header "Authorization: Bearer …".');
  return token;
}
