import { Inject, Injectable } from '@nestjs/common';
import { Id, type LoginAnswer } from '@consilium/shared';
import { DataSource, IsNull } from 'typeorm';
import { z } from 'zod';
import { AuditLog, SERVER } from '../audit/audit-log.js';
import { ApiError } from '../http/api-error.js';
import { HomeFolder } from '../settings/home-folder.js';
import { CLOCK, IDS, type Clock, type Ids } from '../settings/process-context.js';
import type { Identified } from './identity-provider.js';
import { OperatorEntity } from './operator.entity.js';
import { Seal } from './sealed.js';
import { TokensService } from './tokens.service.js';

/** Milliseconds from the provider's answer until the page has its token. */
const HANDOVER_MS = 60_000;

const Handover = z.object({ operatorId: Id, session: Id, until: z.number() });

/** Accounts of people who log in at a provider. An owner makes them; the first who comes under an account's name has it from then on. */
@Injectable()
export class ProviderLogIns {
  readonly #seal: Seal;

  constructor(
    private readonly dataSource: DataSource,
    private readonly tokens: TokensService,
    private readonly log: AuditLog,
    home: HomeFolder,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(IDS) private readonly ids: Ids,
  ) {
    this.#seal = new Seal(home.identity.operatorKey, 'consilium hand-over of a session');
  }

  /** What the page trades for a session, once; null where nobody has made an account for this person. */
  async admit(identified: Identified): Promise<string | null> {
    const operator = (await this.#known(identified)) ?? (await this.#bind(identified));
    if (operator === null) {
      const reason = 'The provider knows this person, and no account is theirs.';
      const refused = { type: 'log-in-refused', actor: SERVER, operator: null, reason } as const;
      await this.dataSource.transaction((manager) => this.log.append(manager, refused));
      return null;
    }
    const until = this.clock.now().getTime() + HANDOVER_MS;
    return this.#seal.seal(JSON.stringify({ operatorId: operator.id, session: this.ids.uuid(), until }));
  }

  async redeem(handover: string): Promise<LoginAnswer> {
    const { operatorId, session, until } = this.#read(handover);
    const operator = await this.dataSource.getRepository(OperatorEntity).findOneBy({ id: operatorId });
    if (operator === null || until < this.clock.now().getTime()) throw stale();
    return this.tokens.issue(operator, 'oidc', session);
  }

  #known({ issuer, subject }: Identified): Promise<OperatorEntity | null> {
    return this.dataSource.getRepository(OperatorEntity).findOneBy({ oidcIssuer: issuer, oidcSubject: subject });
  }

  async #bind({ issuer, subject, name }: Identified): Promise<OperatorEntity | null> {
    const free = { name, passwordHash: IsNull(), oidcSubject: IsNull() };
    const operators = this.dataSource.getRepository(OperatorEntity);
    const { affected } = await operators.update(free, { oidcIssuer: issuer, oidcSubject: subject });
    return affected === 1 ? operators.findOneBy({ name }) : null;
  }

  #read(handover: string): z.output<typeof Handover> {
    try {
      return Handover.parse(JSON.parse(this.#seal.open(handover)));
    } catch {
      throw stale();
    }
  }
}

function stale(): ApiError {
  return new ApiError('login-refused', 'The log-in has expired, or has been used already; log in again.');
}
