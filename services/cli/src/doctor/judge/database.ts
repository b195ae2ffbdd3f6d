import { type Finding, failure, ok, warning } from '../finding.ts';

/** Oldest PostgreSQL that is tested against, major number. */
const majorMin = 13;

/** What a connection to the database brought. Names of migrations in order. */
export type DatabaseFacts =
  | { status: 'up'; address: string; serverVersion: string; known: readonly string[]; applied: readonly string[] | null }
  | { status: 'down'; address: string; code: string; words: string };

/** Reachable, known to us, and of our version. Pure. */
export function judgeDatabase(facts: DatabaseFacts): Finding[] {
  if (facts.status === 'down') return [failure(`${facts.address}: ${facts.words}`, fixOf(facts.code))];
  const { address, serverVersion, known, applied } = facts;
  const major = Number.parseInt(serverVersion, 10);
  const old = major < majorMin ? [warning(`PostgreSQL ${serverVersion} is older than ${majorMin}`, 'upgrade the server')] : [];
  if (applied === null)
    return [
      ...old,
      warning(
        `${address}, PostgreSQL ${serverVersion}, is not migrated yet`,
        'start the metastore, or run services/metastore/src/migrate-main.ts first: either migrates',
      ),
    ];
  const newer = applied.filter((name) => !known.includes(name));
  const pending = known.filter((name) => !applied.includes(name));
  if (newer.length > 0)
    return [
      ...old,
      failure(
        `${address} was migrated by a newer version of Millrace (${newer.join(', ')}): this version refuses it`,
        'upgrade the services to the version that made these migrations, or point DATABASE_URL at another database',
      ),
    ];
  if (pending.length > 0)
    return [
      ...old,
      failure(
        `${address} lacks ${pending.length} migrations of this version (${pending.join(', ')})`,
        'restart the metastore with this version, or run services/metastore/src/migrate-main.ts: either migrates',
      ),
    ];
  return [...old, ok(`${address}, PostgreSQL ${serverVersion}, migrations up to ${applied.at(-1)}`)];
}

/** @param code SQLSTATE or errno */
function fixOf(code: string): string {
  if (code === '28P01' || code === '28000')
    return 'correct user and password in DATABASE_URL, and that pg_hba.conf lets this user in from here';
  if (code === '3D000') return 'create the database (createdb), or correct its name in DATABASE_URL';
  if (code === '42501') return 'grant the user of DATABASE_URL its rights on the database: CONNECT, and CREATE and USAGE on the schema';
  if (code === '53300') return 'raise max_connections of the server, or end what holds its connections';
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'correct the host in DATABASE_URL, or make it resolvable from here';
  if (code === '57P03') return 'wait until the server has started, then look again';
  return 'start PostgreSQL, or correct host and port in DATABASE_URL; workers go on meanwhile with their last good configuration';
}
