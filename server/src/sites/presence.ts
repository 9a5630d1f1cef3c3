import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, type Clock } from '../settings/process-context.js';

/** Milliseconds for which a site counts as present after its socket was cut for an expired token: it is renewing it. */
const RENEWAL_GRACE = 10_000;

/** Which sites have said hello on an open socket. Memory only: after a restart they connect again. */
@Injectable()
export class Presence {
  readonly #sockets = new Map<string, Set<string>>();
  readonly #renewing = new Map<string, number>();

  constructor(@Inject(CLOCK) private readonly clock: Clock) {}

  enter(siteId: string, socketId: string): void {
    const sockets = this.#sockets.get(siteId) ?? new Set<string>();
    this.#sockets.set(siteId, sockets.add(socketId));
    this.#renewing.delete(siteId);
  }

  leave(siteId: string, socketId: string, renewing: boolean): void {
    const sockets = this.#sockets.get(siteId);
    if (!sockets?.delete(socketId) || sockets.size > 0) return;
    this.#sockets.delete(siteId);
    if (renewing) this.#renewing.set(siteId, this.clock.now().getTime() + RENEWAL_GRACE);
  }

  has(siteId: string): boolean {
    return this.#sockets.has(siteId) || (this.#renewing.get(siteId) ?? 0) > this.clock.now().getTime();
  }

  present(): string[] {
    return [...new Set([...this.#sockets.keys(), ...this.#renewing.keys()])].filter((id) => this.has(id));
  }
}
