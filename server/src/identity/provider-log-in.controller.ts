import { Body, Controller, Get, Inject, Post, Req, Res, UseGuards } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { ThrottlerGuard } from '@nestjs/throttler';
import { LoginAnswer, LoginMethods, ProviderHandover, type LogInProblem } from '@consilium/shared';
import type { CookieOptions, Request, Response } from 'express';
import type { Logger } from 'pino';
import { ApiError } from '../http/api-error.js';
import { Answers } from '../http/answers.decorator.js';
import { LOG } from '../settings/process-context.js';
import { Access } from './access.decorator.js';
import { IdentityProvider } from './identity-provider.js';
import { ProviderLogIns } from './provider-log-in.service.js';

const COOKIE = 'consilium-log-in';

@ApiTags('identity')
@Controller('login')
@UseGuards(ThrottlerGuard)
export class ProviderLogInController {
  constructor(
    private readonly provider: IdentityProvider,
    private readonly logIns: ProviderLogIns,
    @Inject(LOG) private readonly log: Logger,
  ) {}

  @Get('methods')
  @Access('public')
  @Answers(200, LoginMethods)
  methods(): LoginMethods {
    return { provider: this.provider.label };
  }

  /** A page is sent away from here, and comes back to the callback. */
  @Get('oidc/start')
  @Access('public')
  async start(@Res() response: Response): Promise<void> {
    if (this.provider.label === null) throw new ApiError('not-found', 'This server knows no identity provider.');
    try {
      const { url, ticket } = await this.provider.begin();
      response.cookie(COOKIE, ticket, this.#cookie());
      response.redirect(url.href);
    } catch (error) {
      this.log.warn({ err: error }, 'the identity provider does not answer');
      response.redirect(toPage({ problem: 'provider-away' }));
    }
  }

  /** What comes back goes on in the address's fragment, which no server sees. */
  @Get('oidc/callback')
  @Access('public')
  async callback(@Req() request: Request, @Res() response: Response): Promise<void> {
    if (this.provider.label === null) throw new ApiError('not-found', 'This server knows no identity provider.');
    response.clearCookie(COOKIE, this.#cookie());
    response.redirect(toPage(await this.#handover(request)));
  }

  @Post('oidc')
  @Access('public')
  @Answers(200, LoginAnswer)
  redeem(@Body({ schema: ProviderHandover }) { handover }: ProviderHandover): Promise<LoginAnswer> {
    return this.logIns.redeem(handover);
  }

  async #handover(request: Request): Promise<Onward> {
    try {
      const identified = await this.provider.end(new URL(request.originalUrl, 'http://here').search, ticketOf(request));
      const handover = await this.logIns.admit(identified);
      return handover === null ? { problem: 'no-account' } : { handover };
    } catch (error) {
      this.log.warn({ err: error }, 'a log-in at the identity provider came to nothing');
      return { problem: 'not-identified' };
    }
  }

  #cookie(): CookieOptions {
    const { protocol, pathname } = this.provider.callback;
    return { httpOnly: true, sameSite: 'lax', secure: protocol === 'https:', path: pathname };
  }
}

type Onward = { handover: string } | { problem: LogInProblem };

const toPage = (onward: Onward): string => `/login#${new URLSearchParams(onward).toString()}`;

function ticketOf({ headers }: Request): string {
  const pairs = (headers.cookie ?? '').split('; ').map((pair) => pair.split('='));
  return pairs.find(([name]) => name === COOKIE)?.[1] ?? '';
}
