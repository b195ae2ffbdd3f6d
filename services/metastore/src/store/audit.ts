import type { Kysely } from 'kysely';
import type { AuditRow } from '../api/losses.ts';
import type { Database } from './database.ts';
import type { MetadataStore } from './store.ts';
import type { Tables } from './tables.ts';

/** One more row of the trail, in the transaction of what it tells. */
export async function audit(
  db: Kysely<Tables>,
  action: string,
  dataset: { id: string; name: string; version: number },
  who: string,
  detail: unknown,
): Promise<void> {
  await db
    .insertInto('audit')
    .values({
      at: new Date(),
      action,
      dataset_id: dataset.id,
      dataset: dataset.name,
      version: dataset.version,
      remote: who,
      detail: JSON.stringify(detail),
    })
    .execute();
}

/** Reading the trail. */
export function auditStore(database: Database): Pick<MetadataStore, 'audit'> {
  return {
    audit: ({ dataset, after, limit }) =>
      database.run(async (db) => {
        const all = db.selectFrom('audit').selectAll().where('id', '>', after).orderBy('id').limit(limit);
        const rows = await (dataset === undefined ? all : all.where('dataset', '=', dataset)).execute();
        return rows.map(
          (row): AuditRow => ({
            id: row.id,
            at: row.at.toISOString(),
            action: row.action,
            dataset: row.dataset,
            datasetId: row.dataset_id,
            version: row.version,
            who: row.remote,
            detail: JSON.parse(row.detail),
          }),
        );
      }),
  };
}
