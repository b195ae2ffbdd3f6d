import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { tryLock } from '../setup/lock.mjs';
import { RUN_LOCK, stateDir } from '../setup/paths.mjs';
import { pidOf } from '../setup/process-id.mjs';
import { startDetached, stopDetached } from './detached.ts';
import { startKafka } from './kafka.ts';
import { startPostgres } from './postgres.ts';
import { startPrometheus } from './prometheus.ts';
import { startS3 } from './s3.ts';

const USAGE = `usage: npm run stack -- [--brokers 1|3] [--s3] [--prometheus] [--dir DIRECTORY] [--detach | --stop]
  --s3          also an S3 server with a bucket (built with Go at the first run); else the lake is a folder
  --prometheus  also a Prometheus with the rules of deploy/prometheus, for services at their usual ports
  --dir         where its state lies (default .millrace/stack)
  --detach      return when it runs; --stop ends it`;
const BUCKET = 'millrace';

const { values } = parseArgs({
  options: {
    brokers: { type: 'string', default: '1' },
    s3: { type: 'boolean', default: false },
    prometheus: { type: 'boolean', default: false },
    dir: { type: 'string' },
    detach: { type: 'boolean', default: false },
    stop: { type: 'boolean', default: false },
  },
});
if (values.brokers !== '1' && values.brokers !== '3') {
  process.stderr.write(`--brokers is 1 or 3, not ${values.brokers}\n${USAGE}\n`);
  process.exit(2);
}
const brokers = values.brokers === '3' ? 3 : 1;
const dir = values.dir ? resolve(values.dir) : join(stateDir, 'stack');

function fail(error: Error): never {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
}

if (values.stop) {
  const ran = await stopDetached(dir).catch(fail);
  process.stderr.write(ran ? 'stopped\n' : `nothing runs in ${dir}\n`);
  process.exit(0);
}
if (values.detach) {
  const args = process.argv.slice(2).filter((arg) => arg !== '--detach');
  process.stdout.write(await startDetached(fileURLToPath(import.meta.url), args, dir).catch(fail));
  process.stderr.write(`running; the same lines are in ${join(dir, 'env')}; npm run stack -- --stop ends it\n`);
  process.exit(0);
}

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
  values.prometheus ? startPrometheus({ dir: join(dir, 'prometheus') }) : undefined,
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

const [kafka, postgres, s3, prometheus] = await starting.catch((error: Error) => {
  release();
  return fail(error);
});
s3?.createBucket(BUCKET);
const folder = (name: string): string => {
  const path = join(dir, 'lake', name);
  mkdirSync(path, { recursive: true });
  return pathToFileURL(path).href;
};
const env = {
  KAFKA_BROKERS: kafka.brokers,
  DATABASE_URL: postgres.url,
  ...(s3 && {
    AWS_ENDPOINT_URL_S3: s3.url,
    AWS_ACCESS_KEY_ID: s3.accessKeyId,
    AWS_SECRET_ACCESS_KEY: s3.secretAccessKey,
    AWS_REGION: s3.region,
    MILLRACE_S3_FORCE_PATH_STYLE: 'true',
  }),
  MILLRACE_RAW_URL: s3 ? `s3://${BUCKET}/raw` : folder('raw'),
  MILLRACE_TABLES_URL: s3 ? `s3://${BUCKET}/tables` : folder('tables'),
  MILLRACE_STATE_DIR: join(dir, 'state'),
  ...(prometheus && { PROMETHEUS_URL: prometheus.url }),
};
const lines = Object.entries(env)
  .map(([key, value]) => `${key}=${value}\n`)
  .join('');
// whole or not at all: whoever waits for it reads it at once
writeFileSync(join(dir, 'env.new'), lines);
renameSync(join(dir, 'env.new'), join(dir, 'env'));
process.stdout.write(lines);
process.stderr.write(`running; the same lines are in ${join(dir, 'env')}; Ctrl-C ends it\n`);

for (const part of [...kafka.nodes, postgres, ...(s3 ? [s3] : []), ...(prometheus ? [prometheus] : [])]) {
  const look = setInterval(() => {
    if (ending || part.pid !== undefined) return;
    clearInterval(look);
    process.stderr.write(`${part.name} has ended by itself; its log is ${part.logFile}\n`);
  }, 1000);
}
