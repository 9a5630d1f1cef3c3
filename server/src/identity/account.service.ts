import { Injectable } from '@nestjs/common';
import type { Account, ChangePassword, RecoveryCodes, SecondFactorOffer } from '@consilium/shared';
import { DataSource, Not, type EntityManager } from 'typeorm';
import { actorOf, AuditLog } from '../audit/audit-log.js';
import { ApiError } from '../http/api-error.js';
import type { OperatorCaller } from './caller.js';
import { OperatorEntity } from './operator.entity.js';
import { OperatorSessionEntity } from './operator-session.entity.js';
import { hashPassword, passwordMatches } from './passwords.js';
import { SecondFactors } from './second-factors.service.js';

/** What people may change about their own account. */
@Injectable()
export class AccountService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly secondFactors: SecondFactors,
    private readonly log: AuditLog,
  ) {}

  async of({ id }: OperatorCaller): Promise<Account> {
    const { name, role, totpConfirmedAt, recoveryCodes } = await this.dataSource.manager.findOneByOrFail(
      OperatorEntity,
      { id },
    );
    return { name, role, secondFactor: totpConfirmedAt !== null, recoveryCodes: recoveryCodes.length };
  }

  /** Ends every other session: whoever had the former password is out. */
  async changePassword(caller: OperatorCaller, { password, next }: ChangePassword): Promise<void> {
    const passwordHash = await hashPassword(next);
    await this.#change(caller, 'password', async (manager, operator) => {
      if (operator.passwordHash === null || !(await passwordMatches(operator.passwordHash, password)))
        throw new ApiError('invalid-request', 'The password was not changed: the present one is another.');
      await manager.update(OperatorEntity, { id: operator.id }, { passwordHash });
      await manager.delete(OperatorSessionEntity, { operatorId: operator.id, id: Not(caller.session) });
    });
  }

  async offerSecondFactor({ id }: OperatorCaller): Promise<SecondFactorOffer> {
    return this.dataSource.transaction(async (manager) => {
      const operator = await lock(manager, id);
      if (operator.passwordHash === null)
        throw new ApiError('conflict', `${operator.name} logs in at a provider, whose second factor counts.`);
      if (operator.totpConfirmedAt !== null)
        throw new ApiError('conflict', `${operator.name} has a second factor already; remove it first.`);
      return this.secondFactors.offer(manager, operator);
    });
  }

  async confirmSecondFactor(caller: OperatorCaller, code: string): Promise<RecoveryCodes> {
    const recoveryCodes = await this.#change(caller, 'totp', (manager, operator) =>
      this.secondFactors.confirm(manager, operator, code),
    );
    return { recoveryCodes };
  }

  /** Needs a code of it: an open screen is not enough. */
  async removeSecondFactor(caller: OperatorCaller, code: string): Promise<void> {
    const operator = await this.dataSource.manager.findOneByOrFail(OperatorEntity, { id: caller.id });
    if (operator.totpConfirmedAt === null) throw new ApiError('conflict', `${operator.name} has no second factor.`);
    await this.secondFactors.require(operator, code).catch((error: unknown) => {
      // Of an account that is logged in: nothing about its session is wrong.
      throw error instanceof ApiError && error.code === 'login-refused'
        ? new ApiError('invalid-request', error.message)
        : error;
    });
    await this.#change(caller, 'totp', (manager) => this.secondFactors.remove(manager, caller.id));
  }

  async #change<T>(
    caller: OperatorCaller,
    what: 'password' | 'totp',
    work: (manager: EntityManager, operator: OperatorEntity) => Promise<T>,
  ): Promise<T> {
    return this.dataSource.transaction(async (manager) => {
      const operator = await lock(manager, caller.id);
      const done = await work(manager, operator);
      const whose = { operatorId: operator.id, operator: operator.name };
      await this.log.append(manager, { type: 'operator-credentials-changed', actor: actorOf(caller), ...whose, what });
      return done;
    });
  }
}

function lock(manager: EntityManager, id: string): Promise<OperatorEntity> {
  return manager.findOneOrFail(OperatorEntity, { where: { id }, lock: { mode: 'pessimistic_write' } });
}
