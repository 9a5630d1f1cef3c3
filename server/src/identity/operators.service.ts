import { Inject, Injectable } from '@nestjs/common';
import type {
  DrawnPassword,
  LogActor,
  LoginAnswer,
  LoginRequest,
  NewOperator,
  OperatorRole,
  OperatorView,
} from '@consilium/shared';
import { DataSource, type EntityManager, type FindOptionsWhere } from 'typeorm';
import type { z } from 'zod';
import { AuditLog, SERVER } from '../audit/audit-log.js';
import { ApiError } from '../http/api-error.js';
import { CLOCK, IDS, type Clock, type Ids } from '../settings/process-context.js';
import { OperatorEntity } from './operator.entity.js';
import { OperatorSessionEntity } from './operator-session.entity.js';
import { hashPassword, passwordMatches } from './passwords.js';
import { SecondFactors } from './second-factors.service.js';
import { TokensService } from './tokens.service.js';

const PASSWORD_BYTES = 15;

/** People who may log in. Of those who may decide that, at least one always stays. */
@Injectable()
export class OperatorsService {
  #decoy: Promise<string> | undefined;

  constructor(
    private readonly dataSource: DataSource,
    private readonly tokens: TokensService,
    private readonly secondFactors: SecondFactors,
    private readonly log: AuditLog,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(IDS) private readonly ids: Ids,
  ) {}

  async login({ name, password, code }: z.output<typeof LoginRequest>): Promise<LoginAnswer> {
    const operator = await this.dataSource.getRepository(OperatorEntity).findOneBy({ name });
    // An unknown name costs the same time as a wrong password, so that names cannot be found out.
    this.#decoy ??= hashPassword(Buffer.from(this.ids.secret(16)).toString('hex'));
    const matches = await passwordMatches(operator?.passwordHash ?? (await this.#decoy), password);
    if (!operator?.passwordHash || !matches) {
      await this.#recordRefusal(operator, 'The name or the password is wrong.');
      throw new ApiError('login-refused', 'The name or the password is wrong.');
    }
    try {
      await this.secondFactors.require(operator, code);
    } catch (error) {
      // That a code is needed is asked at each log-in: only a wrong one is worth an entry.
      if (error instanceof ApiError && code !== undefined) await this.#recordRefusal(operator, error.message);
      throw error;
    }
    return this.tokens.issue(operator, operator.totpConfirmedAt === null ? 'password' : 'password+totp');
  }

  async hasAny(): Promise<boolean> {
    return (await this.dataSource.getRepository(OperatorEntity).count()) > 0;
  }

  async list(): Promise<OperatorView[]> {
    const operators = await this.dataSource.getRepository(OperatorEntity).find({ order: { name: 'ASC' } });
    return operators.map(viewOf);
  }

  /** The password is drawn where none is given, and is kept nowhere in the clear. */
  async add(
    { name, role, logsInBy, password: given }: NewOperator & { password?: string | undefined },
    actor: LogActor = SERVER,
  ): Promise<DrawnPassword> {
    if (await this.dataSource.getRepository(OperatorEntity).existsBy({ name }))
      throw new ApiError('conflict', `An operator named ${name} exists already.`);
    const password = logsInBy === 'provider' ? null : (given ?? this.#drawPassword());
    const passwordHash = password && (await hashPassword(password));
    const id = this.ids.uuid();
    await this.dataSource.transaction(async (manager) => {
      await manager.insert(OperatorEntity, { id, name, role, passwordHash, createdAt: this.clock.now() });
      await this.log.append(manager, { type: 'operator-added', actor, operatorId: id, operator: name, role });
    });
    return { name, password };
  }

  /**
   * A new password and no second factor, for whoever has lost one of them; of somebody who logs in at a provider, who comes
   * next under the account's name. Ends all sessions.
   */
  async reset(who: FindOptionsWhere<OperatorEntity>, actor: LogActor = SERVER): Promise<DrawnPassword> {
    const drawn = this.#drawPassword();
    const drawnHash = await hashPassword(drawn);
    return this.dataSource.transaction(async (manager) => {
      const { id, name, totpSecret, passwordHash } = await lock(manager, who);
      const password = passwordHash === null ? null : drawn;
      const forgotten = { oidcIssuer: null, oidcSubject: null };
      await manager.update(OperatorEntity, { id }, password === null ? forgotten : { passwordHash: drawnHash });
      await this.secondFactors.remove(manager, id);
      await manager.delete(OperatorSessionEntity, { operatorId: id });
      const changed = { type: 'operator-credentials-changed', actor, operatorId: id, operator: name } as const;
      const what = totpSecret === null ? (['password'] as const) : (['password', 'totp'] as const);
      await this.log.append(manager, ...what.map((each) => ({ ...changed, what: each })));
      return { name, password };
    });
  }

  /** Holds from the next request on, in sessions that are open too. */
  async changeRole(id: string, role: OperatorRole, actor: LogActor): Promise<OperatorView> {
    return this.dataSource.transaction(async (manager) => {
      const operator = await lock(manager, { id });
      if (operator.role === role) return viewOf(operator);
      await requireAnotherOwner(manager, operator);
      await manager.update(OperatorEntity, { id }, { role });
      const changed = { type: 'operator-role-changed', actor, operatorId: id, operator: operator.name, role } as const;
      await this.log.append(manager, changed);
      return viewOf(Object.assign(operator, { role }));
    });
  }

  async remove(id: string, actor: LogActor): Promise<void> {
    await this.dataSource.transaction(async (manager) => {
      const operator = await lock(manager, { id });
      await requireAnotherOwner(manager, operator);
      await manager.delete(OperatorEntity, { id });
      await this.log.append(manager, { type: 'operator-removed', actor, operatorId: id, operator: operator.name });
    });
  }

  /** Under its name where it is one of an operator: what else was typed may be a password. */
  async #recordRefusal(operator: OperatorEntity | null, reason: string): Promise<void> {
    const refused = { type: 'log-in-refused', actor: SERVER, operator: operator?.name ?? null, reason } as const;
    await this.dataSource.transaction((manager) => this.log.append(manager, refused));
  }

  #drawPassword(): string {
    return Buffer.from(this.ids.secret(PASSWORD_BYTES)).toString('base64url');
  }
}

/** Owners are locked together, so that two of them cannot remove each other. */
async function lock(manager: EntityManager, who: FindOptionsWhere<OperatorEntity>): Promise<OperatorEntity> {
  const mode = { lock: { mode: 'pessimistic_write' as const }, order: { id: 'ASC' as const } };
  const [owners, operator] = [
    await manager.find(OperatorEntity, { where: { role: 'owner' }, ...mode }),
    await manager.findOne(OperatorEntity, { where: who, ...mode }),
  ];
  if (operator === null) throw new ApiError('not-found', 'There is no such operator.');
  return owners.find(({ id }) => id === operator.id) ?? operator;
}

async function requireAnotherOwner(manager: EntityManager, { id, role, name }: OperatorEntity): Promise<void> {
  if (role !== 'owner') return;
  const owners = await manager.findBy(OperatorEntity, { role: 'owner' });
  if (owners.some((owner) => owner.id !== id)) return;
  throw new ApiError('conflict', `${name} is the only owner; make somebody else one first.`);
}

function viewOf({ id, name, role, passwordHash, totpConfirmedAt, createdAt }: OperatorEntity): OperatorView {
  const logsInBy = passwordHash === null ? 'provider' : 'password';
  return { id, name, role, logsInBy, secondFactor: totpConfirmedAt !== null, createdAt: createdAt.toISOString() };
}
