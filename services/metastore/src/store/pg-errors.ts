import { describeError, MillraceError } from '@millrace/core/domain/errors.ts';

/** SQLSTATE classes and codes that mean "not now": connection trouble, resources, shutdown, wrong login or database, read-only standby, timeouts. */
const awayClasses = ['08', '53', '57', '58', '28', '3D', '25', '40', '55'];

/** Socket errors and pg's own words for a connection that is gone. */
const awayCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOENT',
]);
const awayWords =
  /connection terminated|connection ended|timeout exceeded|read timeout|not queryable|server does not support SSL|after calling end/i;

/** SQLSTATE of a broken unique index. */
export const uniqueViolation = '23505';

/** Code of an error of `pg`: SQLSTATE or errno, undefined for none. Pure. */
export function pgCode(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : undefined;
}

/**
 * An error of `pg` as ours. Pure.
 * Kind `unavailable` when the database is away, refuses us or takes too long; else `internal`: our statement is wrong.
 * @param address without password
 */
export function databaseError(error: unknown, address: string): MillraceError {
  if (error instanceof MillraceError) return error;
  // Node tries every address of a name and wraps the failures; the first one tells enough.
  const first = error instanceof AggregateError && error.errors.length > 0 ? (error.errors[0] as unknown) : error;
  const code = pgCode(first) ?? pgCode(error);
  const sqlState = code !== undefined && /^[0-9A-Z]{5}$/.test(code);
  const away =
    (code !== undefined && (awayCodes.has(code) || (sqlState && awayClasses.includes(code.slice(0, 2))))) ||
    awayWords.test(first instanceof Error ? first.message : '');
  if (away) return new MillraceError('unavailable', 'database_away', `database ${address} is away`, { pgCode: code ?? null }, first);
  return new MillraceError('internal', 'database_failed', `database ${address} refused a statement`, { pgCode: code ?? null }, first);
}

/** `host:port/database` of a connection string, for messages. Pure; never user or password. */
export function databaseAddress(url: string): string {
  try {
    const parsed = new URL(url);
    return `${parsed.hostname || 'localhost'}:${parsed.port || '5432'}${decodeURIComponent(parsed.pathname) || '/'}`;
  } catch (error) {
    throw new MillraceError('invalid', 'bad_database_url', `DATABASE_URL is not a URL: ${describeError(error).replaceAll(url, '…')}`);
  }
}
