import { Inject } from '@nestjs/common';
import {
  WebSocketGateway,
  WebSocketServer,
  type OnGatewayConnection,
  type OnGatewayDisconnect,
  type OnGatewayInit,
} from '@nestjs/websockets';
import {
  CONTROL_LINE,
  proofClaims,
  Progress,
  SiteHello,
  type Acknowledgement,
  type ClientEvents,
  type ServerEvents,
} from '@consilium/shared';
import type { Logger } from 'pino';
import type { DefaultEventsMap, Server, Socket } from 'socket.io';
import type { z } from 'zod';
import { ApiError } from '../http/api-error.js';
import { sentenceOfIssues } from '../http/schema.pipe.js';
import { requireApproval } from '../identity/access.guard.js';
import type { Caller, SiteCaller } from '../identity/caller.js';
import { TokensService } from '../identity/tokens.service.js';
import { Outbox, type Announcement } from '../outbox/outbox.service.js';
import { ProgressService } from '../rounds/progress.service.js';
import { RoundDriver } from '../rounds/round-driver.service.js';
import { CLOCK, LOG, type Clock } from '../settings/process-context.js';
import { Presence } from '../sites/presence.js';
import { SitesService } from '../sites/sites.service.js';

interface SocketData {
  caller: Caller;
  renewing: boolean;
}
type TypedServer = Server<ClientEvents, ServerEvents, DefaultEventsMap, SocketData>;
type TypedSocket = Socket<ClientEvents, ServerEvents, DefaultEventsMap, SocketData>;

const OPERATORS = 'operators';
const SITES = 'sites';
const roomOf = (siteId: string): string => `site ${siteId}`;

/**
 * The control channel. Handlers are put on each socket by hand rather than by Nest's decorators, whose pipeline answers a
 * malformed message with an exception event that repeats the message; here every message gets one acknowledgement.
 */
@WebSocketGateway()
export class RealtimeGateway implements OnGatewayInit, OnGatewayConnection, OnGatewayDisconnect {
  @WebSocketServer()
  private readonly server!: TypedServer;
  #ending = false;

  constructor(
    private readonly tokens: TokensService,
    private readonly sites: SitesService,
    private readonly presence: Presence,
    private readonly progress: ProgressService,
    private readonly rounds: RoundDriver,
    private readonly outbox: Outbox,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOG) private readonly log: Logger,
  ) {}

  afterInit(server: TypedServer): void {
    server.use((socket, next) => void this.#admit(socket).then(next));
    this.outbox.listen((announcement) => this.#announce(announcement));
    this.sites.onKeyEnded((siteId) => this.server.in(roomOf(siteId)).disconnectSockets(true));
  }

  async handleConnection(socket: TypedSocket): Promise<void> {
    const { caller } = socket.data;
    if (caller.kind === 'operator') {
      await socket.join(OPERATORS);
      return;
    }
    socket.on(
      'hello',
      this.#answer(SiteHello, (hello) => this.#hello(caller, socket.id, hello)),
    );
    socket.on(
      'progress',
      this.#answer(Progress, (progress) => this.progress.report(caller, progress)),
    );
    await socket.join([SITES, roomOf(caller.id)]);
  }

  async handleDisconnect(socket: TypedSocket): Promise<void> {
    const { caller, renewing } = socket.data;
    if (caller.kind !== 'site') return;
    if (this.#ending) return;
    try {
      await this.presence.leave(caller.id, socket.id, renewing);
      if (!renewing) await this.sites.left(caller.id);
    } catch (error) {
      this.log.warn({ err: error }, 'leaving was not recorded');
    }
  }

  /** From here on sockets close because the server does: nothing about it is written any more. */
  end(): void {
    this.#ending = true;
  }

  /** Cuts sockets whose token has expired; called by the process's ticker. */
  cutExpired(): void {
    const now = this.clock.now().getTime();
    for (const socket of this.server.sockets.sockets.values()) {
      if (socket.data.caller.expiresAt > now) continue;
      socket.data.renewing = true;
      socket.disconnect(true);
    }
  }

  async #admit(socket: TypedSocket): Promise<Error | undefined> {
    const { token } = socket.handshake.auth as { token?: unknown };
    try {
      if (typeof token !== 'string')
        throw new ApiError('unauthenticated', 'A token is needed: expected it as auth.token of the handshake.');
      const caller = await this.tokens.verify(token, proofClaims(CONTROL_LINE));
      if (caller.kind === 'site') requireApproval(caller);
      socket.data = { caller, renewing: false };
      return undefined;
    } catch (error) {
      if (error instanceof ApiError) return Object.assign(new Error(error.message), { data: { code: error.code } });
      this.log.error({ err: error }, 'a handshake failed');
      return Object.assign(new Error('The server failed to answer; its log says why.'), { data: { code: 'internal' } });
    }
  }

  async #hello(site: SiteCaller, socketId: string, hello: SiteHello): Promise<Acknowledgement> {
    const answer = await this.sites.hello(site.id, socketId, hello);
    if (!answer.ok) return answer;
    // The socket may have closed while the hello was being written.
    if (!this.server.sockets.sockets.has(socketId)) await this.presence.leave(site.id, socketId, false);
    this.rounds.poke();
    return answer;
  }

  async #cutIfRevoked(siteId: string): Promise<void> {
    try {
      if (this.server.sockets.adapter.rooms.has(roomOf(siteId)) && (await this.sites.isRevoked(siteId)))
        this.server.in(roomOf(siteId)).disconnectSockets(true);
    } catch (error) {
      this.log.error({ err: error }, 'a revoked site could not be cut; its token ends within minutes');
    }
  }

  #answer<T>(schema: z.ZodType<T>, handle: (message: T) => Promise<Acknowledgement>) {
    return (message: unknown, acknowledge: unknown): void => {
      const reply =
        typeof acknowledge === 'function' ? (acknowledge as (answer: Acknowledgement) => void) : () => undefined;
      const parsed = schema.safeParse(message);
      if (!parsed.success) {
        reply({ ok: false, sentence: sentenceOfIssues('The message', parsed.error.issues) });
        return;
      }
      handle(parsed.data).then(reply, (error: unknown) => {
        this.log.error({ err: error }, 'a message could not be handled');
        reply({ ok: false, sentence: 'The server could not take the message; its log says why.' });
      });
    };
  }

  #announce({ change, wakesSites }: Announcement): void {
    this.server.to(OPERATORS).emit('changed', change);
    if (wakesSites) this.server.to(SITES).emit('assignment');
    // Another process may have revoked it; that one cuts the sockets that it holds itself.
    if (wakesSites && change.topic === 'site') void this.#cutIfRevoked(change.id);
  }
}
