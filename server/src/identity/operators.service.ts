import { Inject, Injectable } from '@nestjs/common';
import type { LoginAnswer, OperatorRole } from '@consilium/shared';
import { DataSource } from 'typeorm';
import { AuditLog, SERVER } from '../audit/audit-log.js';
import { ApiError } from '../http/api-error.js';
import { CLOCK, IDS, type Clock, type Ids } from '../settings/process-context.js';
import { OperatorEntity } from './operator.entity.js';
import { OperatorSessionEntity } from './operator-session.entity.js';
import { hashPassword, passwordMatches } from './passwords.js';
import { TokensService } from './tokens.service.js';

@Injectable()
export class OperatorsService {
  #decoy: Promise<string> | undefined;

  constructor(
    private readonly dataSource: DataSource,
    private readonly tokens: TokensService,
    private readonly log: AuditLog,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(IDS) private readonly ids: Ids,
  ) {}

  async login(name: string, password: string): Promise<LoginAnswer> {
    const operator = await this.dataSource.getRepository(OperatorEntity).findOneBy({ name });
    // An unknown name costs the same time as a wrong password, so that names cannot be found out.
    this.#decoy ??= hashPassword(Buffer.from(this.ids.secret(16)).toString('hex'));
    const matches = await passwordMatches(operator?.passwordHash ?? (await this.#decoy), password);
    if (!operator?.passwordHash || !matches) {
      await this.#recordRefusal(operator, 'The name or the password is wrong.');
      throw new ApiError('login-refused', 'The name or the password is wrong.');
    }
    return this.tokens.issue(operator, 'password');
  }

  async hasAny(): Promise<boolean> {
    return (await this.dataSource.getRepository(OperatorEntity).count()) > 0;
  }

  /** Returns the password, which is drawn where none is given and is kept nowhere in the clear. */
  async add(name: string, role: OperatorRole, given?: string): Promise<string> {
    if (await this.dataSource.getRepository(OperatorEntity).existsBy({ name }))
      throw new ApiError('conflict', `An operator named ${name} exists already.`);
    const password = given ?? this.#drawPassword();
    const passwordHash = await hashPassword(password);
    const id = this.ids.uuid();
    await this.dataSource.transaction(async (manager) => {
      await manager.insert(OperatorEntity, { id, name, role, passwordHash, createdAt: this.clock.now() });
      await this.log.append(manager, { type: 'operator-added', actor: SERVER, operatorId: id, operator: name, role });
    });
    return password;
  }

  async resetPassword(name: string, given?: string): Promise<string> {
    const password = given ?? this.#drawPassword();
    const passwordHash = await hashPassword(password);
    await this.dataSource.transaction(async (manager) => {
      const operator = await manager.findOneBy(OperatorEntity, { name });
      if (!operator) throw new ApiError('not-found', `There is no operator named ${name}.`);
      await manager.update(OperatorEntity, { id: operator.id }, { passwordHash });
      await manager.delete(OperatorSessionEntity, { operatorId: operator.id });
      const whose = { operatorId: operator.id, operator: name };
      await this.log.append(manager, {
        type: 'operator-credentials-changed',
        actor: SERVER,
        ...whose,
        what: 'password',
      });
    });
    return password;
  }

  /** Under its name where it is one of an operator: what else was typed may be a password. */
  async #recordRefusal(operator: OperatorEntity | null, reason: string): Promise<void> {
    const refused = { type: 'log-in-refused', actor: SERVER, operator: operator?.name ?? null, reason } as const;
    await this.dataSource.transaction((manager) => this.log.append(manager, refused));
  }

  #drawPassword(): string {
    return Buffer.from(this.ids.secret(15)).toString('base64url');
  }
}
