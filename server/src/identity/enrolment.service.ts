import { createHash } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import {
  heardText,
  spokenText,
  type Enrolled,
  type EnrolmentCode,
  type EnrolmentCodeRequest,
  type EnrolRequest,
} from '@consilium/shared';
import { calculateJwkThumbprint } from 'jose';
import { DataSource, Not, type EntityManager } from 'typeorm';
import type { z } from 'zod';
import { actorOf, AuditLog } from '../audit/audit-log.js';
import { ApiError } from '../http/api-error.js';
import { Outbox } from '../outbox/outbox.service.js';
import { CLOCK, IDS, SETTINGS, type Clock, type Ids } from '../settings/process-context.js';
import type { Settings } from '../settings/settings.js';
import { SiteEntity } from '../sites/site.entity.js';
import type { OperatorCaller } from './caller.js';
import { EnrolmentCodeEntity } from './enrolment-code.entity.js';
import { TokensService } from './tokens.service.js';

/** Sixteen characters when spoken. */
const CODE_BYTES = 10;

/** A site that waits for approval has its name too. */
const TAKEN = Not('revoked' as const);

@Injectable()
export class EnrolmentService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly tokens: TokensService,
    private readonly outbox: Outbox,
    private readonly log: AuditLog,
    @Inject(SETTINGS) private readonly settings: Settings,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(IDS) private readonly ids: Ids,
  ) {}

  async createCode(operator: OperatorCaller, request: z.output<typeof EnrolmentCodeRequest>): Promise<EnrolmentCode> {
    const taken = await this.dataSource.getRepository(SiteEntity).existsBy({ name: request.name, state: TAKEN });
    if (taken)
      throw new ApiError(
        'conflict',
        `A site named ${request.name} is enrolled already; revoke it first or choose another name.`,
      );
    const code = spokenText(this.ids.secret(CODE_BYTES));
    const now = this.clock.now();
    const expiresAt = new Date(now.getTime() + this.settings.enrolmentCodeHours * 3_600_000);
    const { name: site, role } = request;
    const row = { id: this.ids.uuid(), siteName: site, role, codeHash: hashOfCode(code), createdAt: now, expiresAt };
    await this.dataSource.transaction(async (manager) => {
      await manager.insert(EnrolmentCodeEntity, row);
      await this.log.append(manager, { type: 'site-invited', actor: actorOf(operator), site, role });
    });
    return { name: request.name, code, expiresAt: expiresAt.toISOString() };
  }

  /** The same code with the same key gives the same answer again, because the first answer may have been lost on its way. */
  async enrol(request: z.output<typeof EnrolRequest>): Promise<Enrolled> {
    const fingerprint = await calculateJwkThumbprint(request.publicKey);
    const site = await this.dataSource.transaction(async (manager) => {
      const code = await manager.findOne(EnrolmentCodeEntity, {
        where: { codeHash: hashOfCode(request.code) },
        lock: { mode: 'pessimistic_write' },
      });
      if (!code)
        throw new ApiError(
          'code-unknown',
          'Enrolment refused: the server knows no such code; check it for typing errors.',
        );
      if (code.usedAt) return this.#enrolledBefore(manager, code, fingerprint);
      if (code.expiresAt <= this.clock.now()) {
        throw new ApiError(
          'code-expired',
          `Enrolment refused: the code expired at ${code.expiresAt.toISOString()}; ask the operator for a new one.`,
        );
      }
      return this.#addSite(manager, code, request, fingerprint);
    });
    this.outbox.poke();
    return { siteId: site.id, name: site.name, role: site.role, audience: this.tokens.audience };
  }

  async #enrolledBefore(manager: EntityManager, code: EnrolmentCodeEntity, fingerprint: string): Promise<SiteEntity> {
    const site = code.siteId ? await manager.findOneBy(SiteEntity, { id: code.siteId, state: TAKEN }) : null;
    if (site?.keyFingerprint === fingerprint) return site;
    throw new ApiError(
      'code-used',
      'Enrolment refused: the code has been used already; ask the operator for a new one.',
    );
  }

  async #addSite(
    manager: EntityManager,
    code: EnrolmentCodeEntity,
    request: z.output<typeof EnrolRequest>,
    fingerprint: string,
  ): Promise<SiteEntity> {
    if (await manager.existsBy(SiteEntity, { name: code.siteName, state: TAKEN })) {
      throw new ApiError('conflict', `Enrolment refused: a site named ${code.siteName} is enrolled already.`);
    }
    if (await manager.existsBy(SiteEntity, { keyFingerprint: fingerprint })) {
      throw new ApiError(
        'conflict',
        'Enrolment refused: the key belongs to a site already; make a new key for this node.',
      );
    }
    const now = this.clock.now();
    const site = manager.create(SiteEntity, {
      id: this.ids.uuid(),
      name: code.siteName,
      role: code.role,
      state: 'pending',
      publicKey: request.publicKey,
      keyFingerprint: fingerprint,
      software: request.software,
      engine: null,
      data: null,
      lastSeen: null,
      enrolledAt: now,
      approvedAt: null,
      revokedAt: null,
    });
    await manager.insert(SiteEntity, site);
    await manager.update(EnrolmentCodeEntity, { id: code.id }, { usedAt: now, siteId: site.id });
    await this.outbox.add(manager, { topic: 'site', subject: site.id });
    const { id, name, role, publicKey } = site;
    const actor = actorOf({ kind: 'site', id, name });
    await this.log.append(manager, {
      type: 'site-enrolled',
      actor,
      siteId: id,
      site: name,
      role,
      publicKey,
      fingerprint,
    });
    return site;
  }
}

/** A code has 80 random bits, so a plain hash of it cannot be turned back by trying. */
function hashOfCode(code: string): string {
  return createHash('sha256')
    .update(`consilium enrolment ${heardText(code)}`)
    .digest('hex');
}
