import { readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Logger } from '@millrace/core/adapters/admin/logger.ts';
import { MillraceError } from '@millrace/core/domain/errors.ts';
import { runner } from 'node-pg-migrate';
import type pg from 'pg';

/** Where this version's migrations lie. */
const folder = fileURLToPath(new URL('../../migrations', import.meta.url));
/** Names of applied migrations. */
const migrationsTable = 'schema_migrations';

/**
 * Brings the database to this version. Several processes at once take turns under an advisory lock. All pending migrations run in one transaction.
 * @param client connected; closed by the caller
 * @throws kind `invalid`, code `newer_database`, when the database holds migrations this version does not know; nothing is changed then
 */
export async function migrate(client: pg.Client, log: Logger): Promise<void> {
  await refuseNewer(client);
  const ran = await runner({
    dbClient: client,
    dir: folder,
    direction: 'up',
    migrationsTable,
    singleTransaction: true,
    checkOrder: true,
    advisoryLockMode: 'wait',
    logger: {
      debug: (text) => log.debug(text),
      info: (text) => log.debug(text),
      warn: (text) => log.warn(text),
      error: (text) => log.error(text),
    },
  });
  // Whoever held the lock before us may have been a newer version.
  await refuseNewer(client);
  if (ran.length > 0) log.info({ migrations: ran.map((migration) => migration.name) }, 'the database was migrated');
}

async function refuseNewer(client: pg.Client): Promise<void> {
  const exists = await client.query<{ found: boolean }>('select to_regclass($1) is not null as found', [migrationsTable]);
  if (exists.rows[0]?.found !== true) return;
  const known = new Set((await readdir(folder)).filter((file) => file.endsWith('.sql')).map((file) => file.slice(0, -'.sql'.length)));
  const applied = await client.query<{ name: string }>(`select name from ${migrationsTable} order by id`);
  const unknown = applied.rows.map((row) => row.name).filter((name) => !known.has(name));
  if (unknown.length > 0)
    throw new MillraceError(
      'invalid',
      'newer_database',
      `the database was migrated by a newer version of Millrace (${unknown.join(', ')}). Upgrade this service or use another database.`,
      { unknown: unknown.join(',') },
    );
}
