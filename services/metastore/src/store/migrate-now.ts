import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '@millrace/core/adapters/admin/logger.ts';
import { describeError, isKind, MillraceError } from '@millrace/core/domain/errors.ts';
import pg from 'pg';
import { migrate } from './migrate.ts';
import { databaseAddress, databaseError } from './pg-errors.ts';

/** How long a connection may take, ms. */
const connectTimeoutMs = 3_000;
/** How long a migration, with its wait for the lock, may take, ms. */
const migrationTimeoutMs = 300_000;
/** How long a migration that is a step of its own waits for a database that is away, and its pause between tries, ms. */
const waitMaxMs = 120_000;
const pauseMs = 1_000;

/** Connects once and migrates. An abort of `stop` cuts the connection. @throws as {@link migrate}, or what `pg` throws */
export async function connectAndMigrate(url: string, log: Logger, stop: AbortSignal): Promise<void> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: connectTimeoutMs,
    query_timeout: migrationTimeoutMs,
    application_name: 'millrace-metastore-migration',
  });
  client.on('error', (error) => log.debug({ err: error }, 'the migration connection broke'));
  const cut = () => void client.end();
  stop.addEventListener('abort', cut);
  try {
    await client.connect();
    await migrate(client, log);
  } finally {
    stop.removeEventListener('abort', cut);
    await client.end().catch(() => undefined);
  }
}

/**
 * Brings the database to this version; waits up to 2 minutes for one that is away.
 * @throws kind `unavailable` when it stays away or `stop` aborts first; kind `invalid`, code `newer_database`
 */
export async function migrateWhenThere(url: string, log: Logger, stop: AbortSignal): Promise<void> {
  const address = databaseAddress(url);
  const deadline = performance.now() + waitMaxMs;
  let said = '';
  for (;;) {
    if (stop.aborted) throw new MillraceError('unavailable', 'stopped', 'stopped before the database was migrated');
    try {
      await connectAndMigrate(url, log, stop);
      return;
    } catch (error) {
      const ours = databaseError(error, address);
      if (!isKind(ours, 'unavailable') || performance.now() > deadline) throw ours;
      const words = describeError(ours);
      if (words !== said) log.warn({ address, err: ours }, 'the database is away: trying again');
      said = words;
    }
    await sleep(pauseMs, undefined, { signal: stop }).catch(() => undefined);
  }
}
