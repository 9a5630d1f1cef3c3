import {
  EventSubscriber,
  type EntityManager,
  type EntitySubscriberInterface,
  type TransactionCommitEvent,
  type TransactionRollbackEvent,
} from 'typeorm';

const KEY = 'consilium.afterCommit';
type Waiting = Record<string, (() => void)[] | undefined>;

/** Runs `work` once the transaction of `manager` has been committed, and never where it is rolled back. */
export function afterCommit(manager: EntityManager, work: () => void): void {
  const data = manager.queryRunner?.data as Waiting | undefined;
  if (data === undefined) throw new Error('after commit: expected a transaction, got none');
  (data[KEY] ??= []).push(work);
}

@EventSubscriber()
export class AfterCommit implements EntitySubscriberInterface {
  afterTransactionCommit({ queryRunner }: TransactionCommitEvent): void {
    const data: Waiting = queryRunner.data;
    const waiting = data[KEY] ?? [];
    data[KEY] = undefined;
    for (const work of waiting) work();
  }

  afterTransactionRollback({ queryRunner }: TransactionRollbackEvent): void {
    const data: Waiting = queryRunner.data;
    data[KEY] = undefined;
  }
}
