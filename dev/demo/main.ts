import { mkdirSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { register } from '@millrace/cli/demo/register.ts';
import { DemoTopic, kafkaSecurity } from '@millrace/cli/demo/topic.ts';
import { describeError } from '@millrace/core/domain/errors.ts';
import { createMetastoreClient, type MetastoreClient } from '@millrace/metastore/client/client.ts';
import { tryLock } from '../setup/lock.mjs';
import { stateDir as usualStateDir } from '../setup/paths.mjs';
import { pidOf } from '../setup/process-id.mjs';
import { drain } from './drain.ts';
import { Lake } from './lake.ts';
import { cpuSecondsOf, produceAndWait, throughputLines, verifyRun } from './once.ts';
import { type DemoOptions, readOptions, USAGE } from './options.ts';
import { startParts } from './parts.ts';
import { progressLine, progressOf } from './progress.ts';
import { createScreen } from './screen.ts';
import { prepareServices, refuseUnknownSettings, type Services } from './services.ts';

const DATASET = { name: 'orders', kafkaTopic: 'orders', mode: 'append', pkFields: ['id'], partitionKeys: ['date'] };
const LOOK_INTERVAL_MS = 1_000;
const screen = createScreen(process.stdout);

let options: DemoOptions;
try {
  options = readOptions(process.argv.slice(2), Boolean(process.env.KAFKA_BROKERS));
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n${USAGE}\n`);
  process.exit(2);
}
try {
  refuseUnknownSettings(process.env);
} catch (error) {
  process.stderr.write(`${describeError(error)}\n`);
  process.exit(2);
}

const stateDir = resolve(options.dir ?? usualStateDir);
mkdirSync(stateDir, { recursive: true });
const lock = tryLock(join(stateDir, 'demo.lock'), 'npm start');
if ('owner' in lock) {
  process.stderr.write(`process ${pidOf(lock.owner.name)} runs the demo in this checkout already; end it first\n`);
  process.exit(1);
}

/** Aborts at the first Ctrl-C, or with the reason why the demo cannot go on. */
const stop = new AbortController();
let failure: string | undefined;
const fail = (reason: string) => {
  failure ??= reason;
  stop.abort();
};
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(signal, () => {
    if (stop.signal.aborted) process.exit(130); // the watchdog of the parts ends the children
    screen.done();
    screen.say('stopping: the producer ends, phase 1 publishes, phase 2 commits (once more to leave at once)');
    stop.abort();
  });

process.exitCode = await run().catch((error) => {
  screen.done();
  process.stderr.write(`${describeError(error)}\n`);
  return 1;
});
lock.release();

async function run(): Promise<number> {
  // only what is merely watched needs no connection of our own
  const security = options.produce || options.once ? kafkaSecurity(process.env.KAFKA_PROPERTIES) : {};
  screen.say('starting Kafka and PostgreSQL …');
  const parts = await startParts(stateDir, process.env);
  if (stop.signal.aborted) {
    await parts.stop();
    return 0;
  }
  const services = await prepareServices(parts, stateDir, screen.say, fail);
  const lake = new Lake(
    parts.rawUrl,
    parts.tablesUrl,
    DATASET.name,
    DATASET.kafkaTopic,
    /^(true|1)$/.test(process.env.MILLRACE_S3_FORCE_PATH_STYLE ?? ''),
  );
  const topic = new DemoTopic(DATASET.kafkaTopic, parts.kafkaBrokers, security);
  let code = 0;
  let left: string | undefined;
  try {
    screen.say('starting metastore, phase 1 and phase 2 …');
    await services.start();
    const metastore = createMetastoreClient(services.metastoreUrl);
    await register(metastore, DATASET);
    if (options.produce) await topic.create();
    screen.say(whereItLies(services, parts.rawUrl, parts.tablesUrl, parts.kafkaBrokers));
    code = options.once ? await runOnce(topic, lake, services, metastore) : await runUntilStopped(topic, lake, metastore);
  } catch (error) {
    if (!stop.signal.aborted) fail(describeError(error));
  } finally {
    screen.done();
    left = await drain(services, lake, parts);
    await Promise.all([topic.close(), lake.close()]);
  }
  if (failure !== undefined) {
    process.stderr.write(`${failure}\nlogs are in ${join(stateDir, 'logs')}\n`);
    return 1;
  }
  screen.say(left === undefined ? 'stopped; everything that landed is in the table' : `stopped; ${left}`);
  return code;
}

async function runOnce(topic: DemoTopic, lake: Lake, services: Services, metastore: MetastoreClient): Promise<number> {
  const cpu = async () => ({ phase1: await cpuSecondsOf(services.admin.phase1), phase2: await cpuSecondsOf(services.admin.phase2) });
  const before = await cpu();
  const watching = new AbortController();
  const watcher = watch(topic, metastore, lake, AbortSignal.any([stop.signal, watching.signal]));
  const state = async () =>
    metastore
      .status(DATASET.name)
      .then((status) => `${status.state}: ${status.reason ?? 'no reason given'}`)
      .catch(() => undefined);
  const times = await produceAndWait(topic, lake, options.produce ? options.records : 0, stop.signal, state).finally(() =>
    watching.abort(),
  );
  await watcher;
  const after = await cpu();
  const used = (name: 'phase1' | 'phase2') =>
    before[name] === undefined || after[name] === undefined ? undefined : after[name] - before[name];
  screen.done();
  screen.say(`\n$ npx millrace verify ${DATASET.name} --against-kafka`);
  const code = await verifyRun(DATASET.name, DATASET.kafkaTopic, { ...services.environment, ...storeVariables() });
  if (topic.produced > 0) screen.say(`\n${throughputLines(topic, times, { phase1: used('phase1'), phase2: used('phase2') })}`);
  return code === 0 ? 0 : 1;
}

async function runUntilStopped(topic: DemoTopic, lake: Lake, metastore: MetastoreClient): Promise<number> {
  const producing = options.produce
    ? topic
        .produce({ records: Number.MAX_SAFE_INTEGER, rate: options.rate, stop: stop.signal })
        .catch((error) => fail(`producing: ${describeError(error)}`))
    : Promise.resolve();
  await watch(topic, metastore, lake, stop.signal);
  await producing;
  return 0;
}

/** Draws the live line until `until` aborts; shows some rows after the first commit. */
async function watch(topic: DemoTopic, metastore: MetastoreClient, lake: Lake, until: AbortSignal): Promise<void> {
  for (let rowsShown = false; !until.aborted; await sleep(LOOK_INTERVAL_MS, undefined, { signal: until }).catch(() => undefined)) {
    try {
      const status = await metastore.status(DATASET.name);
      const reconciliation = await metastore.reconciliation(DATASET.name);
      const end = options.produce ? (await topic.ends()).reduce((sum, offset) => sum + offset, 0n) : undefined;
      if (until.aborted) return;
      screen.live(progressLine(progressOf(status, reconciliation, end)));
      if (rowsShown || reconciliation.total.committed === 0n) continue;
      const rows = await lake.someRows(process.stdout.columns || 120);
      if (rows === undefined) continue;
      rowsShown = true;
      screen.say(`\nthe first rows of the table, as DuckDB reads its Parquet files:\n${rows}\n`);
    } catch (error) {
      if (!until.aborted) screen.live(`… ${describeError(error)}`);
    }
  }
}

function storeVariables(): Record<string, string> {
  const entries = Object.entries(process.env).filter(
    ([name, value]) =>
      value !== undefined && (name.startsWith('AWS_') || name === 'MILLRACE_S3_FORCE_PATH_STYLE' || name === 'KAFKA_PROPERTIES'),
  );
  return Object.fromEntries(entries) as Record<string, string>;
}

/** Puts what `npx millrace` needs into a file a shell can read. @returns its path */
function writeEnvironment(services: Services): string {
  const file = join(stateDir, 'env');
  writeFileSync(
    file,
    Object.entries(services.environment)
      .map(([name, value]) => `${name}='${value}'\n`)
      .join(''),
  );
  return file;
}

function whereItLies(services: Services, rawUrl: string, tablesUrl: string, brokers: string): string {
  const here = (path: string) => relative(process.cwd(), path) || '.';
  return [
    '',
    `Kafka       ${brokers}, topic ${DATASET.kafkaTopic}`,
    `metastore   ${services.metastoreUrl}/docs, ${services.metastoreUrl}/v1/datasets/${DATASET.name}/status`,
    `raw         ${rawUrl}/${DATASET.kafkaTopic}`,
    `table       ${tablesUrl}/${DATASET.name}`,
    `logs        ${here(join(stateDir, 'logs'))}/{metastore,phase1,phase2}.log`,
    `metrics     ${services.admin.phase1}/metrics, ${services.admin.phase2}/metrics`,
    `verify      set -a; . ${here(writeEnvironment(services))}; set +a; npx millrace verify ${DATASET.name} --against-kafka`,
    '',
  ].join('\n');
}
