import { z } from 'zod';
import { MillraceError } from './errors.ts';

/*
 * Configuration comes from the environment only. One zod object per service; this file holds what they share.
 * A key of any service is accepted by all, so that one environment can configure a whole deployment.
 */

/** A whole number written in decimal digits; `0x10`, `1e3` and ` 5` are refused rather than understood. */
const whole = (fallback: number, min: number, max: number) =>
  z
    .string()
    .regex(/^[0-9]{1,15}$/, 'must be a whole number')
    .transform(Number)
    .pipe(z.number().int().min(min).max(max))
    .default(fallback);
const port = (fallback: number) => whole(fallback, 0, 65_535);
const milliseconds = whole;
const bytes = whole;
const flag = z
  .enum(['true', 'false', '1', '0'])
  .default('false')
  .transform((text) => text === 'true' || text === '1');
const storeUrl = z
  .string()
  .regex(
    /^(s3:\/\/[a-z0-9][a-z0-9.-]{2,62}(\/[^?#]*)?|file:\/\/\/[^/?#][^?#]*)$/,
    'must be s3://bucket/prefix or file:///absolute/directory',
  )
  .transform((url) => url.replace(/\/+$/, ''));
const brokers = /^(\[[0-9a-fA-F:.]+\]|[^\s,:[\]/]+):\d{1,5}(\s*,\s*(\[[0-9a-fA-F:.]+\]|[^\s,:[\]/]+):\d{1,5})*$/;

/** Every `MILLRACE_*` key and the few others we read, with type, default and meaning. `secret` values are never printed. */
export const settingShapes = {
  KAFKA_BROKERS: z.string().regex(brokers, 'must be host:port[,host:port…]').meta({
    description:
      'Kafka bootstrap servers, host:port[,host:port…]. Phase 2 also works without: then each of its workers works on all datasets',
  }),
  KAFKA_PROPERTIES: z.string().optional().meta({
    description:
      'Path of a librdkafka properties file (security, timeouts); settings that break a promise, such as auto commit, are refused by name',
  }),
  MILLRACE_RAW_URL: storeUrl.meta({ description: 'Where raw objects and chains lie: s3://bucket/prefix or file:///directory' }),
  MILLRACE_TABLES_URL: storeUrl.meta({ description: 'Where tables lie, one folder a dataset; never inside the raw root or around it' }),
  MILLRACE_S3_FORCE_PATH_STYLE: flag.meta({ description: 'Address buckets by path, as most S3 servers other than AWS need' }),
  DATABASE_URL: z
    .string()
    .regex(/^postgres(ql)?:\/\//, 'must be postgres://user:password@host:port/database')
    .meta({ description: 'PostgreSQL of the metastore', secret: true }),
  MILLRACE_METASTORE_URL: z
    .string()
    .regex(/^https?:\/\/[^\s/@?#]+(\/[^\s?#@]*)?$/, 'must be http://host:port, without user and password')
    .default('http://127.0.0.1:8080')
    .meta({ description: 'Where workers find the metastore' }),
  MILLRACE_STATE_DIR: z
    .string()
    .min(1)
    .default('.millrace/state')
    .meta({ description: 'Where a worker keeps its last good configuration, for when the metastore is away' }),
  MILLRACE_GROUP_PREFIX: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,200}$/)
    .default('millrace')
    .meta({ description: 'Prefix of Kafka consumer groups; phase 1 joins <prefix>-landing, phase 2 <prefix>-table' }),
  MILLRACE_GROUP_PROTOCOL: z.enum(['classic', 'consumer']).default('classic').meta({
    description:
      'Kafka group.protocol of the landing group; consumer (KIP-848) where the brokers have it: they then assign and decide about sessions (group.consumer.session.timeout.ms), and MILLRACE_SESSION_TIMEOUT_MS is only how long a fenced worker waits',
  }),
  MILLRACE_ANNOUNCEMENTS_TOPIC: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,249}$/, 'must be a Kafka topic name')
    .optional()
    .meta({
      description:
        'Internal topic on which phase 1 announces chain entries to phase 2, created when it is missing; default _<group prefix>_announcements',
    }),
  MILLRACE_ANNOUNCEMENTS_PARTITIONS: whole(16, 1, 10_000).meta({
    description: 'Partitions of the internal topic when it is created: at most so many phase-2 workers share the datasets',
  }),
  MILLRACE_LISTEN: z.string().min(1).default('127.0.0.1').meta({ description: 'Address servers listen on' }),
  PORT: port(8080).meta({ description: 'Port of the metastore API; 0 = any' }),
  LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info').meta({ description: 'Log level' }),
  // phase 1
  MILLRACE_METRICS_PARTITIONS: z.enum(['on', 'off']).default('on').meta({
    description:
      'Whether gauges of phase 1 have the label partition; off for very wide topics: each topic then shows its largest partition',
  }),
  MILLRACE_SEAL_BYTES: bytes(16 * 2 ** 20, 1024, 2 ** 30).meta({
    description: 'Lines (bytes, before compression) at which a buffer is sealed. Larger: fewer objects, more memory and age',
  }),
  MILLRACE_SEAL_INTERVAL_MS: milliseconds(5_000, 50, 3_600_000).meta({
    description: 'Age (ms) at which a buffer is sealed. Smaller: fresher, two PUTs each time',
  }),
  MILLRACE_BUFFER_BYTES_MAX: bytes(256 * 2 ** 20, 2 ** 20, 64 * 2 ** 30).meta({
    description:
      'Budget (bytes) of buffered lines per phase-1 process; over it partitions pause. The process needs 1.5 times as much and 320 MiB',
  }),
  MILLRACE_SESSION_TIMEOUT_MS: milliseconds(45_000, 1_000, 1_800_000).meta({
    description:
      'Kafka session.timeout.ms (ms) of the consumer groups. Smaller: a dead worker is replaced sooner, a slow one thrown out sooner',
  }),
  MILLRACE_STALL_TIMEOUT_MS: milliseconds(60_000, 1_000, 3_600_000).meta({
    description: 'No progress for so long (ms) while Kafka has more: the client is rebuilt once, then the process exits',
  }),
  // phase 2
  MILLRACE_BATCH_BYTES: bytes(64 * 2 ** 20, 1024, 2 ** 30).meta({ description: 'JSON (bytes) at which a micro-batch is closed' }),
  MILLRACE_BATCH_RECORDS: whole(1_000_000, 1, 100_000_000).meta({ description: 'Records at which a micro-batch is closed' }),
  MILLRACE_BATCH_INTERVAL_MS: milliseconds(10_000, 50, 3_600_000).meta({
    description: 'Age (ms) at which a micro-batch is closed. Smaller: fresher, more commits and smaller files',
  }),
  MILLRACE_SLOW_POLL_MS: milliseconds(30_000, 1_000, 3_600_000).meta({
    description:
      'Time (ms) between two looks at a chain whose entries are announced. Smaller: a lost announcement costs less, idle chains more GETs',
  }),
  MILLRACE_WORKER_THREADS: z
    .string()
    .regex(/^[0-9]{1,3}$/, 'must be a whole number')
    .transform(Number)
    .pipe(z.number().int().min(1).max(256))
    .optional()
    .meta({
      description:
        'Decode threads of phase 2; default one less than the cores, at least one. Batches of at most 1 MiB have one more to themselves',
    }),
  MILLRACE_WORKER_HEAP_BYTES: bytes(2 * 2 ** 30, 64 * 2 ** 20, 64 * 2 ** 30).meta({
    description: 'JavaScript heap (bytes) of one decode thread; beyond it the thread dies alone, and its batch is cut smaller',
  }),
  MILLRACE_TARGET_FILE_BYTES: bytes(128 * 2 ** 20, 2 ** 16, 2 ** 31 - 1).meta({
    description: 'Size (bytes) at which a data file is split',
  }),
  MILLRACE_TABLE_PARTITIONS_PER_COMMIT_MAX: whole(1_000, 1, 100_000).meta({
    description: 'Distinct table partitions one commit may touch; more blocks the dataset, as a runaway partition key',
  }),
};

/** Admin port (health and metrics) with the default of the service; 0 = any. */
export const adminPort = (fallback: number) => port(fallback).meta({ description: 'Port of health and metrics; 0 = any' });

const known = new Set([...Object.keys(settingShapes), 'MILLRACE_ADMIN_PORT']);

/** Keys of the set-up and test scripts that may start a service: not settings, and not mistakes. */
const toolKey = /^MILLRACE_(CACHE$|TEST_|CRASH_)/;

/** Names Kubernetes adds for service links, such as `MILLRACE_METASTORE_PORT=tcp://…`: ignored. */
function isServiceLink(name: string, value: string): boolean {
  return (
    /_SERVICE_HOST$|_SERVICE_PORT(_\w+)?$/.test(name) ||
    (/_PORT(_\w+)?$/.test(name) && (value.startsWith('tcp://') || value.startsWith('udp://') || /_PORT_\d+_(TCP|UDP)(_\w+)?$/.test(name)))
  );
}

function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next[j] = Math.min((next[j - 1] ?? 0) + 1, (row[j] ?? 0) + 1, (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1));
    row = next;
  }
  return row[b.length] ?? 0;
}

/** An edit so small is a slip of the fingers; beyond it shared words say more. */
const slipMax = 2;

/** The setting that was probably meant: one that is a slip of the fingers away, else the one that shares most words, if it has more than half of them. Pure. */
function suggestion(name: string): string | undefined {
  const words = new Set(name.split('_').slice(1));
  const rank = (key: string) => {
    const edits = distance(name, key);
    const shared = key
      .split('_')
      .slice(1)
      .filter((word) => words.has(word)).length;
    return { key, edits, slip: edits <= slipMax ? edits : slipMax + 1, shared };
  };
  const ranked = [...known].filter((key) => key.startsWith('MILLRACE_')).map(rank);
  const best = ranked.sort((a, b) => a.slip - b.slip || b.shared - a.shared || a.edits - b.edits)[0];
  return best !== undefined && (best.slip <= slipMax || best.shared > words.size / 2) ? best.key : undefined;
}

/** A line for every `MILLRACE_*` key that is no setting of any service, with the one that was probably meant where one is near. Pure. */
export function unknownSettings(env: Readonly<Record<string, string | undefined>>): string[] {
  return Object.entries(env).flatMap(([name, value]) => {
    if (value === undefined || value === '' || !name.startsWith('MILLRACE_')) return [];
    if (known.has(name) || toolKey.test(name) || isServiceLink(name, value)) return [];
    const meant = suggestion(name);
    return [`${name} is not a setting${meant === undefined ? '' : `; did you mean ${meant}?`}`];
  });
}

/**
 * Reads one service's settings from an environment. Pure. Empty values count as absent.
 * @throws kind `invalid`, code `bad_settings`, naming every unknown `MILLRACE_*` key with the nearest known one, and every bad value
 */
export function readSettings<S extends z.ZodObject>(schema: S, env: Readonly<Record<string, string | undefined>>): z.output<S> {
  const problems = unknownSettings(env);
  const given: Record<string, string> = {};
  for (const [name, value] of Object.entries(env))
    if (value !== undefined && value !== '' && name in schema.shape && !isServiceLink(name, value)) given[name] = value;
  const parsed = schema.safeParse(given);
  if (!parsed.success)
    for (const issue of parsed.error.issues) {
      const name = issue.path.join('.');
      problems.push(given[name] === undefined ? `${name} is missing: ${describe(schema, name)}` : `${name}: ${issue.message}`);
    }
  if (problems.length > 0) throw new MillraceError('invalid', 'bad_settings', problems.join('; '));
  return parsed.data as z.output<S>;
}

function describe(schema: z.ZodObject, name: string): string {
  return String((schema.shape[name] as z.ZodType | undefined)?.meta()?.description ?? 'required');
}

/** Effective settings for the start-up log line, secrets hidden. Pure. */
export function printableSettings(schema: z.ZodObject, settings: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(settings).map(([name, value]) => [
      name,
      (schema.shape[name] as z.ZodType | undefined)?.meta()?.secret === true ? '(hidden)' : value,
    ]),
  );
}

/**
 * Exact rule R2: equal or nested roots are refused, because a foreign VACUUM of the tables would delete raw. Pure.
 * @throws kind `invalid`, code `nested_roots`
 */
export function requireSeparateRoots(rawUrl: string, tablesUrl: string): void {
  const raw = comparableRoot(rawUrl);
  const tables = comparableRoot(tablesUrl);
  if (raw.startsWith(tables) || tables.startsWith(raw))
    throw new MillraceError(
      'invalid',
      'nested_roots',
      `MILLRACE_RAW_URL (${rawUrl}) and MILLRACE_TABLES_URL (${tablesUrl}) must not be equal or one inside the other: cleaning a table's folder would delete raw data. Give each a folder of its own.`,
    );
}

/** Scheme, bucket and path with `.`, `..`, doubled slashes and percent signs resolved, ending in one `/`: equal text = same folder. */
function comparableRoot(url: string): string {
  const { protocol, host, pathname } = new URL(url);
  let path = pathname;
  try {
    path = decodeURIComponent(pathname);
  } catch {
    // A lone percent sign stands for itself.
  }
  return `${protocol}//${host}${`${path}/`.replace(/\/{2,}/g, '/')}`;
}
