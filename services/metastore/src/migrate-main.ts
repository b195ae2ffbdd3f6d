import { createLogger } from '@millrace/core/adapters/admin/logger.ts';
import { describeError } from '@millrace/core/domain/errors.ts';
import { readSettings } from '@millrace/core/domain/settings.ts';
import { migrateConfig } from './config.ts';
import { migrateWhenThere } from './store/migrate-now.ts';

/**
 * Brings the database to this version and ends: for a deployment that migrates in a step of its own, before its services start. A metastore
 * that starts beside it waits for the same lock. Exit 0 migrated, 1 not: the database is away too long, or belongs to a newer version.
 */
async function main(): Promise<void> {
  const settings = readSettings(migrateConfig, process.env);
  const log = createLogger('migrate', settings.LOG_LEVEL);
  const stop = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort());
  await migrateWhenThere(settings.DATABASE_URL, log, stop.signal);
  log.info('the database is of this version');
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    process.stderr.write(`migrate: ${describeError(error)}\n`);
    process.exit(1);
  },
);
