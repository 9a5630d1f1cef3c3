import { createHash } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { heardText, spokenText, type SecondFactorOffer } from '@consilium/shared';
import { Secret, TOTP } from 'otpauth';
import { DataSource, type EntityManager } from 'typeorm';
import { ApiError } from '../http/api-error.js';
import { HomeFolder } from '../settings/home-folder.js';
import { CLOCK, IDS, type Clock, type Ids } from '../settings/process-context.js';
import { OperatorEntity } from './operator.entity.js';
import { Seal } from './sealed.js';

const PERIOD_SECONDS = 30;
/** Periods to either side, for clocks that differ. */
const WINDOW = 1;
const SECRET_BYTES = 20;
const RECOVERY_CODES = 8;
const RECOVERY_BYTES = 10;
/** Six digits can be tried out by whoever has the password: not more often than this. */
const WRONG_CODES = 5;
const PAUSE_MS = 15 * 60_000;

/** Codes of authenticator apps (RFC 6238) beside the password. Each counts once. */
@Injectable()
export class SecondFactors {
  readonly #seal: Seal;
  /** Wrong codes in a row, by operator. Of this process: several let through as many times more. */
  readonly #wrong = new Map<string, { count: number; last: number }>();

  constructor(
    private readonly dataSource: DataSource,
    home: HomeFolder,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(IDS) private readonly ids: Ids,
  ) {
    this.#seal = new Seal(home.identity.operatorKey, 'consilium second factor');
  }

  /** Not in force before a code of it has come back. */
  async offer(manager: EntityManager, { id, name }: Pick<OperatorEntity, 'id' | 'name'>): Promise<SecondFactorOffer> {
    const secret = new Secret({ buffer: Uint8Array.from(this.ids.secret(SECRET_BYTES)).buffer });
    const none = { totpConfirmedAt: null, totpLastStep: null, recoveryCodes: [] };
    await manager.update(OperatorEntity, { id }, { totpSecret: this.#seal.seal(secret.base32), ...none });
    return { secret: secret.base32, uri: generatorOf(secret.base32, name).toString() };
  }

  /** Puts the offered one in force; answers with the recovery codes. */
  async confirm(manager: EntityManager, operator: OperatorEntity, code: string): Promise<string[]> {
    if (operator.totpSecret === null || operator.totpConfirmedAt !== null)
      throw new ApiError('conflict', 'There is no second factor that waits for its first code.');
    const step = this.#stepOf(operator, operator.totpSecret, code);
    if (step === null) throw new ApiError('invalid-request', WRONG);
    const recoveryCodes = Array.from({ length: RECOVERY_CODES }, () => spokenText(this.ids.secret(RECOVERY_BYTES)));
    const change = { totpConfirmedAt: this.clock.now(), totpLastStep: step, recoveryCodes: recoveryCodes.map(hashOf) };
    await manager.update(OperatorEntity, { id: operator.id }, change);
    return recoveryCodes;
  }

  async remove(manager: EntityManager, id: string): Promise<void> {
    const none = { totpSecret: null, totpConfirmedAt: null, totpLastStep: null, recoveryCodes: [] };
    await manager.update(OperatorEntity, { id }, none);
  }

  /** Takes a code for good. Throws ApiError where there should be one and is none, or not a right one. */
  async require(operator: OperatorEntity, code: string | undefined): Promise<void> {
    if (operator.totpSecret === null || operator.totpConfirmedAt === null) return;
    if (code === undefined)
      throw new ApiError('code-needed', `${operator.name} logs in with a code of an authenticator app besides.`);
    this.#requirePatience(operator);
    if (await this.#take(operator, operator.totpSecret, code)) {
      this.#wrong.delete(operator.id);
      return;
    }
    const { count } = this.#wrong.get(operator.id) ?? { count: 0 };
    this.#wrong.set(operator.id, { count: count + 1, last: this.clock.now().getTime() });
    throw new ApiError('login-refused', WRONG);
  }

  async #take(operator: OperatorEntity, sealed: string, code: string): Promise<boolean> {
    const step = this.#stepOf(operator, sealed, code);
    const { id } = operator;
    const taken = await (step === null
      ? this.dataSource.query<unknown[]>(
          `UPDATE "operator" SET "recovery_codes" = "recovery_codes" - $2::text
           WHERE "id" = $1 AND "recovery_codes" ? $2::text RETURNING "id"`,
          [id, hashOf(code)],
        )
      : this.dataSource.query<unknown[]>(
          `UPDATE "operator" SET "totp_last_step" = $2
           WHERE "id" = $1 AND ("totp_last_step" IS NULL OR "totp_last_step" < $2) RETURNING "id"`,
          [id, step],
        ));
    return rowsOf(taken).length === 1;
  }

  #stepOf({ name }: OperatorEntity, sealed: string, code: string): number | null {
    const now = this.clock.now().getTime();
    const token = code.replace(/\s/g, '');
    const delta = generatorOf(this.#seal.open(sealed), name).validate({ token, timestamp: now, window: WINDOW });
    return delta === null ? null : Math.floor(now / 1000 / PERIOD_SECONDS) + delta;
  }

  #requirePatience({ id, name }: OperatorEntity): void {
    const wrong = this.#wrong.get(id);
    if (wrong === undefined || wrong.count < WRONG_CODES) return;
    const left = wrong.last + PAUSE_MS - this.clock.now().getTime();
    if (left <= 0) this.#wrong.delete(id);
    else
      throw new ApiError(
        'too-many-attempts',
        `${name} gave ${wrong.count} wrong codes in a row; the next one is looked at in ${Math.ceil(left / 60_000)} min.`,
      );
  }
}

const WRONG = 'The code is wrong, or has been used already; wait for the next one and check the clock of the phone.';

function generatorOf(secret: string, name: string): TOTP {
  return new TOTP({ issuer: 'Consilium', label: name, secret: Secret.fromBase32(secret), period: PERIOD_SECONDS });
}

/** A recovery code has 80 random bits, so a plain hash of it cannot be turned back by trying. */
function hashOf(code: string): string {
  return createHash('sha256')
    .update(`consilium recovery ${heardText(code)}`)
    .digest('hex');
}

/** The driver answers an UPDATE with its rows and their number. */
function rowsOf(answer: unknown[]): unknown[] {
  return Array.isArray(answer[0]) ? answer[0] : answer;
}
