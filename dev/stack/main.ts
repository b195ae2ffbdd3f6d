import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { tryLock } from '../setup/lock.mjs';
import { RUN_LOCK, stateDir } from '../setup/paths.mjs';
import { pidOf } from '../setup/process-id.mjs';
import { startKafka } from './kafka.ts';
import { startPostgres } from './postgres.ts';
import { startS3 } from './s3.ts';

const USAGE = 'usage: npm run stack -- [--brokers 1|3] [--s3] [--dir DIRECTORY]';
const BUCKET = 'millrace';

const { values } = parseArgs({
  options: { brokers: { type: 'string', default: '1' }, s3: { type: 'boolean', default: false }, dir: { type: 'string' } },
});
if (values.brokers !== '1' && values.brokers !== '3') {
  process.stderr.write(`--brokers is 1 or 3, not ${values.brokers}\n${USAGE}\n`);
  process.exit(2);
}
const brokers = values.brokers === '3' ? 3 : 1;
const dir = values.dir ? resolve(values.dir) : join(stateDir, 'stack');

mkdirSync(dir, { recursive: true });
const lock = tryLock(join(dir, RUN_LOCK), 'npm run stack');
if (!('release' in lock)) {
  process.stderr.write(`process ${pidOf(lock.owner.name)} runs the stack in ${dir} already; end it, or give another --dir\n`);
  process.exit(1);
}

const starting = Promise.all([
  startKafka({ dir: join(dir, 'kafka'), brokers }),
  startPostgres({ dir: join(dir, 'postgres') }),
  values.s3 ? startS3({ dir: join(dir, 's3') }) : undefined,
]);

const { release } = lock;
let ending = false;
async function end(): Promise<void> {
  if (ending) process.exit(1);
  ending = true;
  const parts = await starting.catch(() => []);
  await Promise.all(parts.map((part) => part?.stop()));
  release();
  process.exit(0);
}
process.on('SIGINT', end).on('SIGTERM', end).on('SIGHUP', end);

const [kafka, postgres, s3] = await starting.catch((error: Error) => {
  release();
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
});
s3?.createBucket(BUCKET);
const env = {
  KAFKA_BROKERS: kafka.brokers,
  DATABASE_URL: postgres.url,
  ...(s3 && {
    AWS_ENDPOINT_URL_S3: s3.url,
    AWS_ACCESS_KEY_ID: s3.accessKeyId,
    AWS_SECRET_ACCESS_KEY: s3.secretAccessKey,
    AWS_REGION: s3.region,
    MILLRACE_S3_FORCE_PATH_STYLE: 'true',
    MILLRACE_RAW_URL: `s3://${BUCKET}/raw`,
    MILLRACE_TABLES_URL: `s3://${BUCKET}/tables`,
  }),
};
const lines = Object.entries(env)
  .map(([key, value]) => `${key}=${value}\n`)
  .join('');
writeFileSync(join(dir, 'env'), lines);
process.stdout.write(lines);
process.stderr.write(`running; the same lines are in ${join(dir, 'env')}; Ctrl-C ends it\n`);

for (const part of [...kafka.nodes, postgres, ...(s3 ? [s3] : [])]) {
  const look = setInterval(() => {
    if (ending || part.pid !== undefined) return;
    clearInterval(look);
    process.stderr.write(`${part.name} has ended by itself; its log is ${part.logFile}\n`);
  }, 1000);
}
