import { Inject, Injectable } from '@nestjs/common';
import type { LoginAnswer } from '@consilium/shared';
import { DataSource } from 'typeorm';
import { ApiError } from '../http/api-error.js';
import { CLOCK, IDS, type Clock, type Ids } from '../settings/process-context.js';
import { OperatorEntity } from './operator.entity.js';
import { hashPassword, passwordMatches } from './passwords.js';
import { TokensService } from './tokens.service.js';

@Injectable()
export class OperatorsService {
  #decoy: Promise<string> | undefined;

  constructor(
    private readonly dataSource: DataSource,
    private readonly tokens: TokensService,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(IDS) private readonly ids: Ids,
  ) {}

  async login(name: string, password: string): Promise<LoginAnswer> {
    const operator = await this.dataSource.getRepository(OperatorEntity).findOneBy({ name });
    // An unknown name costs the same time as a wrong password, so that names cannot be found out.
    this.#decoy ??= hashPassword(Buffer.from(this.ids.secret(16)).toString('hex'));
    const matches = await passwordMatches(operator?.passwordHash ?? (await this.#decoy), password);
    if (!operator || !matches) throw new ApiError('login-refused', 'The name or the password is wrong.');
    return this.tokens.issue(operator);
  }

  async hasAny(): Promise<boolean> {
    return (await this.dataSource.getRepository(OperatorEntity).count()) > 0;
  }

  /** Returns the password, which is drawn where none is given and is kept nowhere in the clear. */
  async add(name: string, given?: string): Promise<string> {
    const operators = this.dataSource.getRepository(OperatorEntity);
    if (await operators.existsBy({ name })) throw new ApiError('conflict', `An operator named ${name} exists already.`);
    const password = given ?? this.#drawPassword();
    const now = this.clock.now();
    const passwordHash = await hashPassword(password);
    await operators.insert({ id: this.ids.uuid(), name, passwordHash, passwordChangedAt: now, createdAt: now });
    return password;
  }

  async resetPassword(name: string, given?: string): Promise<string> {
    const password = given ?? this.#drawPassword();
    const change = { passwordHash: await hashPassword(password), passwordChangedAt: this.clock.now() };
    const { affected } = await this.dataSource.getRepository(OperatorEntity).update({ name }, change);
    if (affected !== 1) throw new ApiError('not-found', `There is no operator named ${name}.`);
    return password;
  }

  #drawPassword(): string {
    return Buffer.from(this.ids.secret(15)).toString('base64url');
  }
}
