import { setTimeout as sleep } from 'node:timers/promises';
import type { Check } from '@millrace/core/adapters/admin/checks.ts';
import type { Logger } from '@millrace/core/adapters/admin/logger.ts';
import { describeError, isKind, MillraceError } from '@millrace/core/domain/errors.ts';
import { type Kysely, Kysely as KyselyDatabase, PostgresDialect, type Transaction } from 'kysely';
import pg from 'pg';
import { connectAndMigrate } from './migrate-now.ts';
import { databaseAddress, databaseError } from './pg-errors.ts';
import type { Tables } from './tables.ts';

/** Connections of one process. */
const poolSizeMax = 10;
/** How long a request waits for a connection, ms. */
const connectTimeoutMs = 3_000;
/** How long the server works on one statement, ms. */
const statementTimeoutMs = 5_000;
/** How long we wait for a statement's answer, ms: a stopped server answers nothing at all. */
const queryTimeoutMs = 6_000;
/** Pause before the next try while the database is away: doubled from the first to the last, ms. */
const retryMinMs = 250;
const retryMaxMs = 5_000;
/** Pause between looks at a database that is there, ms. */
const probeIntervalMs = 2_000;
/** How long closing waits for running statements, ms. */
const closeTimeoutMs = 2_000;

/** The metastore's PostgreSQL: it may be away at any time, and comes back by itself. */
export interface Database {
  /** Runs work in one transaction. @throws kind `unavailable` at once while the database is away or not migrated yet */
  transaction<T>(work: (db: Transaction<Tables>) => Promise<T>): Promise<T>;
  /** Runs single statements. Throws as `transaction`. */
  run<T>(work: (db: Kysely<Tables>) => Promise<T>): Promise<T>;
  check(): Check;
  /** Connects, migrates and then watches, until closed. @throws kind `invalid` when the database belongs to a newer version */
  keep(): Promise<void>;
  close(): Promise<void>;
}

/**
 * @param url DATABASE_URL
 * @param onChange told when the database goes and comes
 */
export function openDatabase(url: string, options: { log: Logger; onChange: (up: boolean) => void }): Database {
  const { log, onChange } = options;
  const address = databaseAddress(url);
  const pool = new pg.Pool({
    connectionString: url,
    max: poolSizeMax,
    connectionTimeoutMillis: connectTimeoutMs,
    statement_timeout: statementTimeoutMs,
    query_timeout: queryTimeoutMs,
    idle_in_transaction_session_timeout: statementTimeoutMs,
    keepAlive: true,
    application_name: 'millrace-metastore',
  });
  // An idle connection that breaks is replaced by the next one; the probe below says what it means.
  pool.on('error', (error) => log.debug({ err: error }, 'an idle database connection broke'));
  // One that breaks while work holds it, between two statements: the next statement fails, and the event must not end the process.
  pool.on('connect', (client) => client.on('error', (error) => log.debug({ err: error }, 'a database connection broke')));
  const db = new KyselyDatabase<Tables>({ dialect: new PostgresDialect({ pool }) });
  const stop = new AbortController();
  let migrated = false;
  let cause: string | undefined = `database ${address} has not answered yet`;

  function goneBecause(error: MillraceError): void {
    const text = describeError(error);
    if (cause === undefined) onChange(false);
    if (cause !== text) log.warn({ address, err: error }, 'the database is away: trying again');
    cause = text;
    // What comes back may be another one: empty, restored from a backup, or behind a crash that took our last statements.
    migrated = false;
  }

  async function guarded<T>(work: () => Promise<T>): Promise<T> {
    if (!migrated) throw new MillraceError('unavailable', 'database_away', cause ?? `database ${address} is not ready`);
    try {
      return await work();
    } catch (error) {
      throw databaseError(error, address);
    }
  }

  /** Connects once, migrates when that has not been done, and asks for a sign of life. */
  async function look(): Promise<void> {
    if (!migrated) {
      await connectAndMigrate(url, log, stop.signal);
      migrated = true;
    } else await pool.query('select 1');
  }

  return {
    transaction: (work) => guarded(() => db.transaction().execute(work)),
    run: (work) => guarded(() => work(db)),
    check: () => ({ name: 'database', ok: cause === undefined, detail: cause ?? address }),
    async keep() {
      for (let pauseMs = retryMinMs; !stop.signal.aborted; ) {
        try {
          await look();
          if (cause !== undefined) {
            log.info({ address }, 'the database is there');
            onChange(true);
          }
          cause = undefined;
          pauseMs = retryMinMs;
        } catch (error) {
          const ours = databaseError(error, address);
          if (isKind(ours, 'invalid')) throw ours;
          if (!stop.signal.aborted) goneBecause(ours);
          pauseMs = Math.min(pauseMs * 2, retryMaxMs);
        }
        await sleep(cause === undefined ? probeIntervalMs : pauseMs, undefined, { signal: stop.signal }).catch(() => undefined);
      }
    },
    async close() {
      stop.abort();
      await Promise.race([db.destroy(), sleep(closeTimeoutMs, undefined, { ref: false })]);
    },
  };
}
