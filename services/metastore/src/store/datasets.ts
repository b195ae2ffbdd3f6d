import { randomUUID } from 'node:crypto';
import { type DatasetInput, datasetInput } from '@millrace/core/domain/dataset.ts';
import { MillraceError } from '@millrace/core/domain/errors.ts';
import { type Kysely, type Selectable, sql, type Transaction } from 'kysely';
import { type Facts, notFound } from '../view/facts.ts';
import { audit } from './audit.ts';
import type { Database } from './database.ts';
import { pgCode, uniqueViolation } from './pg-errors.ts';
import { withReports } from './rows.ts';
import type { Idempotency, MetadataStore } from './store.ts';
import type { Tables } from './tables.ts';

/** How long an Idempotency-Key is remembered, ms. */
const idempotencyMs = 24 * 3_600_000;

/** The dataset calls of the store, on PostgreSQL. */
export function datasetStore(database: Database): Pick<MetadataStore, 'list' | 'get' | 'create' | 'remove' | 'change'> {
  return {
    list: (after, limit) =>
      database.run(async (db) => withReports(db, await live(db).where('name', '>', after).orderBy('name').limit(limit).execute())),
    get: (name) => database.run(async (db) => (await withReports(db, await live(db).where('name', '=', name).execute()))[0]),

    create: (input, who, idempotency) =>
      database.transaction(async (db) => {
        const id = randomUUID();
        const made = idempotency === undefined ? undefined : await madeBefore(db, idempotency);
        if (made !== undefined) return { facts: made, replayed: true };
        await insertDataset(db, id, input);
        if (idempotency !== undefined) await rememberKey(db, idempotency, id);
        await audit(db, 'create', { id, name: input.name, version: 1 }, who.remote, input);
        return { facts: await require(db, input.name), replayed: false };
      }),

    remove: (name, who, check) =>
      database.transaction(async (db) => {
        const facts = await lock(db, name);
        check(facts);
        const { id, version } = facts.dataset;
        await db.updateTable('datasets').set({ deleted_at: new Date() }).where('id', '=', id).execute();
        await db.deleteFrom('table_reports').where('dataset_id', '=', id).execute();
        await db.deleteFrom('idempotency_keys').where('dataset_id', '=', id).execute();
        await audit(db, 'delete', { id, name, version }, who.remote, {});
      }),

    change: (name, action, who, decide) =>
      database.transaction(async (db) => {
        const facts = await lock(db, name);
        const intent = decide(facts);
        if (intent === undefined) return facts;
        const { id } = facts.dataset;
        const version = facts.dataset.version + 1;
        await db
          .updateTable('datasets')
          .set({ version, paused: intent.paused, resume_count: intent.resumeCount, decisions: JSON.stringify(intent.decisions) })
          .where('id', '=', id)
          .execute();
        const decided = intent.decisions.length > facts.dataset.decisions.length ? { decision: intent.decisions.at(-1) } : {};
        await audit(db, action, { id, name, version }, who.remote, decided);
        return { ...facts, dataset: { ...facts.dataset, ...intent, version } };
      }),
  };
}

function live(db: Kysely<Tables>) {
  return db.selectFrom('datasets').selectAll().where('deleted_at', 'is', null);
}

async function require(db: Kysely<Tables>, name: string): Promise<Facts> {
  return found(await withReports(db, await live(db).where('name', '=', name).execute()), name);
}

/** The live dataset, locked until the transaction ends. */
export async function lock(db: Transaction<Tables>, name: string): Promise<Facts> {
  const rows: Selectable<Tables['datasets']>[] = await live(db).where('name', '=', name).forUpdate().execute();
  return found(await withReports(db, rows), name);
}

function found(facts: Facts[], name: string): Facts {
  if (facts[0] === undefined) throw notFound(name);
  return facts[0];
}

async function madeBefore(db: Transaction<Tables>, idempotency: Idempotency): Promise<Facts | undefined> {
  const datasetId = await usedKey(db, idempotency);
  return datasetId === undefined ? undefined : (await withReports(db, await live(db).where('id', '=', datasetId).execute()))[0];
}

/** Remembers that a request under this key was carried out. */
export async function rememberKey(db: Transaction<Tables>, { keyHash, requestHash }: Idempotency, datasetId: string): Promise<void> {
  await db
    .insertInto('idempotency_keys')
    .values({ key_hash: keyHash, request_hash: requestHash, dataset_id: datasetId, created_at: new Date() })
    .execute();
}

/**
 * The dataset of an earlier request under this key; undefined when there was none.
 * @throws kind `invalid`, code `idempotency_key_reused`, when that was another request
 */
export async function usedKey(db: Transaction<Tables>, idempotency: Idempotency): Promise<string | undefined> {
  // Two requests with one key take turns, so that the second finds what the first made.
  await sql`select pg_advisory_xact_lock(hashtextextended(${idempotency.keyHash}, 0))`.execute(db);
  await db
    .deleteFrom('idempotency_keys')
    .where('created_at', '<', new Date(Date.now() - idempotencyMs))
    .execute();
  const key = await db.selectFrom('idempotency_keys').selectAll().where('key_hash', '=', idempotency.keyHash).executeTakeFirst();
  if (key === undefined) return undefined;
  if (key.request_hash !== idempotency.requestHash)
    throw new MillraceError('invalid', 'idempotency_key_reused', 'this Idempotency-Key was used with another request; take a fresh one');
  return key.dataset_id;
}

async function insertDataset(db: Transaction<Tables>, id: string, input: DatasetInput): Promise<void> {
  try {
    await db
      .insertInto('datasets')
      .values({
        id,
        name: input.name,
        kafka_topic: input.kafkaTopic,
        config: JSON.stringify(datasetInput.encode(input)),
        version: 1,
        created_at: new Date(),
        deleted_at: null,
      })
      .execute();
  } catch (error) {
    if (pgCode(error) === uniqueViolation)
      throw new MillraceError('conflict', 'dataset_exists', `a dataset named ${input.name} exists already`, {}, error);
    throw error;
  }
}
