import { readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describeError } from '@millrace/core/domain/errors.ts';
import pg from 'pg';
import type { DatabaseFacts } from '../judge/database.ts';

const connectMs = 6_000;
const queryMs = 6_000;
/** Migrations of this version, and the table of those that were applied. */
const migrations = fileURLToPath(new URL('../../../../metastore/migrations', import.meta.url));
const appliedTable = 'schema_migrations';

/** Asks the database who it is, what was applied and what time it is there. Reads only. Never rejects for a database that is away. */
export async function lookAtDatabase(url: string): Promise<{ facts: DatabaseFacts; clockAheadMs: number | null }> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: connectMs,
    query_timeout: queryMs,
    statement_timeout: queryMs,
    application_name: 'millrace-doctor',
  });
  client.on('error', () => undefined);
  const address = addressOf(url);
  try {
    await client.connect();
    const sentAt = Date.now();
    const { rows } = await client.query<{ version: string; now: Date; found: boolean }>(
      `select current_setting('server_version') as version, clock_timestamp() as now, to_regclass($1) is not null as found`,
      [appliedTable],
    );
    const clockAheadMs = (rows[0]?.now.getTime() ?? sentAt) - (sentAt + Date.now()) / 2;
    const applied = rows[0]?.found
      ? (await client.query<{ name: string }>(`select name from ${appliedTable} order by id`)).rows.map(({ name }) => name)
      : null;
    return {
      facts: { status: 'up', address, serverVersion: rows[0]?.version ?? '?', known: await knownMigrations(), applied },
      clockAheadMs,
    };
  } catch (error) {
    const first = error instanceof AggregateError && error.errors.length > 0 ? (error.errors[0] as unknown) : error;
    return {
      facts: { status: 'down', address, code: String((first as { code?: unknown }).code ?? ''), words: describeError(first) },
      clockAheadMs: null,
    };
  } finally {
    // end() waits for an answer that a stopped server never gives
    (client as unknown as { connection?: { stream?: { destroy(): void } } }).connection?.stream?.destroy();
  }
}

async function knownMigrations(): Promise<string[]> {
  const files = (await readdir(migrations)).filter((file) => file.endsWith('.sql')).sort();
  return files.map((file) => file.slice(0, -'.sql'.length));
}

/** `host:port/database`, never user or password. */
function addressOf(url: string): string {
  if (!URL.canParse(url)) return 'DATABASE_URL';
  const { hostname, port, pathname } = new URL(url);
  return `${hostname || 'localhost'}:${port || '5432'}${pathname || '/'}`;
}
