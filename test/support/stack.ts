import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Admin } from '@platformatic/kafka';
import { Client } from 'pg';

/** The real parts that `npm test` started, and fresh places on them: no test meets another one's data. */

function setting(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: tests against real parts run through "npm test [-- file]"`);
  return value;
}

export const kafkaBrokers = (): string => setting('KAFKA_BROKERS');

/** A Python with aiokafka, zstandard, deltalake, duckdb and pyarrow. */
export const testPython = (): string => setting('MILLRACE_TEST_PYTHON');

/** `prefix-` and twelve hex digits: a topic, group, dataset or database of its own. */
export const uniqueName = (prefix: string): string => `${prefix}-${randomBytes(6).toString('hex')}`;

/** A new, empty directory; the test run removes it when all is well. */
export function freshDirectory(prefix = 'dir'): string {
  const directory = mkdtempSync(join(process.env.MILLRACE_TEST_DIR ?? tmpdir(), `${prefix}-`));
  // Open for PostgreSQL, which runs as another user when the tests run as root.
  chmodSync(directory, 0o755);
  return directory;
}

/** Creates a topic of a new name and returns the name. */
export async function freshTopic(
  options: { prefix?: string; partitions?: number; config?: Readonly<Record<string, string>> } = {},
): Promise<string> {
  const { prefix = 'topic', partitions = 1, config = {} } = options;
  const topic = uniqueName(prefix);
  const admin = new Admin({ clientId: 'tests', bootstrapBrokers: kafkaBrokers().split(',') });
  try {
    const configs = Object.entries(config).map(([name, value]) => ({ name, value }));
    await admin.createTopics({ topics: [topic], partitions, replicas: 1, configs });
  } finally {
    await admin.close();
  }
  return topic;
}

/** Creates an empty database and returns its URL. */
export async function freshDatabase(): Promise<string> {
  const name = uniqueName('t').replace('-', '_');
  const client = new Client({ connectionString: setting('DATABASE_URL') });
  await client.connect();
  try {
    await client.query(`CREATE DATABASE ${name}`);
  } finally {
    await client.end();
  }
  const url = new URL(setting('DATABASE_URL'));
  url.pathname = `/${name}`;
  return url.href;
}

export interface FreshBucket {
  readonly bucket: string;
  /** `s3://bucket`. */
  readonly url: string;
  /** The bucket as a directory: what lies there are the objects. */
  readonly files: string;
  /** For a process that is to use this bucket through the AWS SDK's variables. */
  readonly env: Readonly<Record<string, string>>;
}

/** Creates an empty bucket on the S3 server. */
export function freshBucket(): FreshBucket {
  const bucket = uniqueName('bucket');
  // The server keeps every bucket as a directory; making one is how its own documentation adds existing data.
  const files = join(setting('TEST_S3_FILES'), bucket);
  mkdirSync(files);
  return { bucket, url: `s3://${bucket}`, files, env: s3Env() };
}

/** The AWS SDK's variables for the S3 server of the tests. */
export const s3Env = (): Readonly<Record<string, string>> => ({
  AWS_ENDPOINT_URL_S3: setting('TEST_S3_ENDPOINT'),
  AWS_ACCESS_KEY_ID: setting('TEST_S3_ACCESS_KEY'),
  AWS_SECRET_ACCESS_KEY: setting('TEST_S3_SECRET_KEY'),
  AWS_REGION: 'us-east-1',
  MILLRACE_S3_FORCE_PATH_STYLE: 'true',
});
