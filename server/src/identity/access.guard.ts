import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { Request } from 'express';
import { ApiError } from '../http/api-error.js';
import { ACCESS, type Permission } from './access.decorator.js';
import { rememberCaller } from './caller.js';
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
    const request = context.switchToHttp().getRequest<Request>();
    const caller = await this.tokens.verify(bearerToken(request.headers.authorization));
    if (permission !== 'any' && permission !== caller.kind) {
      throw new ApiError(
        'forbidden',
        `This address is for ${permission}s; the token is one of ${caller.kind === 'site' ? 'a site' : 'an operator'}.`,
      );
    }
    rememberCaller(request, caller);
    return true;
  }
}

function bearerToken(header: string | undefined): string {
  const token = /^Bearer ([\w.~+/=-]+)$/i.exec(header ?? '')?.[1];
  if (token === undefined)
    throw new ApiError('unauthenticated', 'A token is needed: expected the header "Authorization: Bearer …".');
  return token;
}
