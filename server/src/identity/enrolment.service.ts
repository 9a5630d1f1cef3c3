import { createHash } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import type { Enrolled, EnrolmentCode, EnrolmentCodeRequest, EnrolRequest } from '@consilium/shared';
import { calculateJwkThumbprint } from 'jose';
import { DataSource, type EntityManager } from 'typeorm';
import type { z } from 'zod';
import { ApiError } from '../http/api-error.js';
import { Outbox } from '../outbox/outbox.service.js';
import { CLOCK, IDS, SETTINGS, type Clock, type Ids } from '../settings/process-context.js';
import type { Settings } from '../settings/settings.js';
import { SiteEntity } from '../sites/site.entity.js';
import { EnrolmentCodeEntity } from './enrolment-code.entity.js';
import { TokensService } from './tokens.service.js';

/** Crockford's alphabet: no I, L, O and U, which people confuse on the telephone. */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const CODE_CHARACTERS = 16;

@Injectable()
export class EnrolmentService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly tokens: TokensService,
    private readonly outbox: Outbox,
    @Inject(SETTINGS) private readonly settings: Settings,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(IDS) private readonly ids: Ids,
  ) {}

  async createCode(request: z.output<typeof EnrolmentCodeRequest>): Promise<EnrolmentCode> {
    const taken = await this.dataSource.getRepository(SiteEntity).existsBy({ name: request.name, state: 'enrolled' });
    if (taken)
      throw new ApiError(
        'conflict',
        `A site named ${request.name} is enrolled already; revoke it first or choose another name.`,
      );
    const code = this.#drawCode();
    const now = this.clock.now();
    const expiresAt = new Date(now.getTime() + this.settings.enrolmentCodeHours * 3_600_000);
    await this.dataSource.getRepository(EnrolmentCodeEntity).insert({
      id: this.ids.uuid(),
      siteName: request.name,
      role: request.role,
      codeHash: hashOfCode(code),
      createdAt: now,
      expiresAt,
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
    const site = code.siteId ? await manager.findOneBy(SiteEntity, { id: code.siteId, state: 'enrolled' }) : null;
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
    if (await manager.existsBy(SiteEntity, { name: code.siteName, state: 'enrolled' })) {
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
      state: 'enrolled',
      publicKey: request.publicKey,
      keyFingerprint: fingerprint,
      software: request.software,
      engine: null,
      data: null,
      lastSeen: null,
      enrolledAt: now,
      revokedAt: null,
    });
    await manager.insert(SiteEntity, site);
    await manager.update(EnrolmentCodeEntity, { id: code.id }, { usedAt: now, siteId: site.id });
    await this.outbox.add(manager, { topic: 'site', subject: site.id });
    return site;
  }

  #drawCode(): string {
    const characters = Array.from(this.ids.secret(CODE_CHARACTERS), (byte) => ALPHABET[byte % ALPHABET.length]);
    return (characters.join('').match(/.{4}/g) ?? []).join('-');
  }
}

/** A code has 80 random bits, so a plain hash of it cannot be turned back by trying. */
function hashOfCode(code: string): string {
  const plain = code.toUpperCase().replaceAll(/[\s-]/g, '').replaceAll('O', '0').replaceAll(/[IL]/g, '1');
  return createHash('sha256').update(`consilium enrolment ${plain}`).digest('hex');
}
