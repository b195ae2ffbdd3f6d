import { type Acceptance, acceptance as acceptanceSchema } from '@millrace/core/domain/losses.ts';
import type { Transaction } from 'kysely';
import { audit } from './audit.ts';
import type { Database } from './database.ts';
import { lock, rememberKey, usedKey } from './datasets.ts';
import { readColumn } from './rows.ts';
import type { Idempotency, MetadataStore } from './store.ts';
import type { Tables } from './tables.ts';

/** What people accept about landing, on PostgreSQL. */
export function acceptanceStore(database: Database): Pick<MetadataStore, 'accept'> {
  return {
    accept: (name, action, who, idempotency, decide) =>
      database.transaction(async (db) => {
        const facts = await lock(db, name);
        const { id } = facts.dataset;
        const before = idempotency === undefined ? undefined : await acceptedBefore(db, id, action, idempotency);
        // the caller's decision and the stored one are of the action's kind
        if (before !== undefined) return { acceptance: before as ReturnType<typeof decide>['acceptance'], made: false, replayed: true };
        const { acceptance, acceptances, made } = decide(facts);
        const version = facts.dataset.version + (made ? 1 : 0);
        if (made)
          await db
            .updateTable('datasets')
            .set({ version, acceptances: JSON.stringify(acceptances) })
            .where('id', '=', id)
            .execute();
        if (idempotency !== undefined) await rememberKey(db, idempotency, id);
        const detail = { ...acceptance, ...(idempotency === undefined ? {} : { keyHash: idempotency.keyHash }) };
        if (made || idempotency !== undefined)
          await audit(db, made ? action : `${action}_again`, { id, name, version }, who.remote, detail);
        return { acceptance, made, replayed: false };
      }),
  };
}

/** What a used key decided: the trail knows it, also when the dataset's list does not carry it any more. */
async function acceptedBefore(
  db: Transaction<Tables>,
  datasetId: string,
  action: string,
  idempotency: Idempotency,
): Promise<Acceptance | undefined> {
  if ((await usedKey(db, idempotency)) === undefined) return undefined;
  const row = await db
    .selectFrom('audit')
    .select('detail')
    .where('dataset_id', '=', datasetId)
    .where('action', 'in', [action, `${action}_again`])
    .where('detail', 'like', `%"keyHash":"${idempotency.keyHash}"%`)
    .orderBy('id', 'desc')
    .limit(1)
    .executeTakeFirst();
  if (row === undefined) return undefined;
  const { keyHash: _key, ...decision } = JSON.parse(row.detail) as Record<string, unknown>;
  return readColumn(acceptanceSchema, JSON.stringify(decision), 'decision in the audit');
}
