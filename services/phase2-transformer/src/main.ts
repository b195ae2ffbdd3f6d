import { readFileSync } from 'node:fs';
import { availableParallelism, hostname } from 'node:os';
import { createLogger, type Logger } from '@millrace/core/adapters/admin/logger.ts';
import { createRegistry, type HttpServer, startAdminServer } from '@millrace/core/adapters/admin/server.ts';
import { parseKafkaProperties } from '@millrace/core/adapters/kafka/properties.ts';
import { openObjectStore } from '@millrace/core/adapters/open-store.ts';
import { requireUsableRoots } from '@millrace/core/adapters/roots.ts';
import { systemClock } from '@millrace/core/adapters/system/clock.ts';
import { systemRandom } from '@millrace/core/adapters/system/random.ts';
import { openTracer } from '@millrace/core/adapters/tracing/open-tracer.ts';
import { announcementsTopic } from '@millrace/core/domain/announcement.ts';
import { describeError, isKind, MillraceError } from '@millrace/core/domain/errors.ts';
import { printableSettings, readSettings } from '@millrace/core/domain/settings.ts';
import { meteredStore } from '@millrace/core/stores/metered-store.ts';
import { probeStore } from '@millrace/core/stores/probe-store.ts';
import { createMetastoreClient } from '@millrace/metastore/client/client.ts';
import { cachedMetastore } from '@millrace/metastore/client/last-good.ts';
import type { z } from 'zod';
import { checkpointInThread } from './checkpoint-in-thread.ts';
import { config } from './config.ts';
import { AnnouncementGroup } from './kafka/announcement-group.ts';
import { Checkpointer } from './loop/checkpointer.ts';
import { createMetrics } from './loop/metrics.ts';
import { BatchSlots, smallBatchBytes } from './loop/slots.ts';
import { Transformer } from './loop/transformer.ts';
import { StoreCheck } from './store-check.ts';
import { WorkerPool, workerPoolDefaults } from './workers/worker-pool.ts';

/** After a stop was asked for, the process ends within this, ms, whatever hangs. */
const stopMs = 9_500;

async function main(): Promise<void> {
  const settings = readSettings(config, process.env);
  requireUsableRoots(settings.MILLRACE_RAW_URL, settings.MILLRACE_TABLES_URL);
  const log = createLogger('phase2-transformer', settings.LOG_LEVEL);
  const threads = settings.MILLRACE_WORKER_THREADS ?? Math.max(1, availableParallelism() - 1);
  log.info({ settings: printableSettings(config, { ...settings, MILLRACE_WORKER_THREADS: threads }) }, 'effective configuration');
  const stopping = stopOnSignals(log);

  const forcePathStyle = settings.MILLRACE_S3_FORCE_PATH_STYLE;
  const tablesUrl = settings.MILLRACE_TABLES_URL;
  const { registry, build } = createRegistry('phase2');
  const metrics = createMetrics(registry);
  const openStore = (url: string) => meteredStore(openObjectStore(url, { forcePathStyle }), metrics.store, systemClock);
  const raw = openStore(settings.MILLRACE_RAW_URL);
  const tables = openStore(tablesUrl);
  const rawCheck = new StoreCheck('raw', raw, systemClock, log);
  const tablesCheck = new StoreCheck('table store', tables, systemClock, log);
  const metastore = cachedMetastore(createMetastoreClient(settings.MILLRACE_METASTORE_URL), {
    stateDir: settings.MILLRACE_STATE_DIR,
    worker: 'phase2',
    log,
  });
  const tracer = await openTracer(process.env, 'millrace-phase2', log);
  const compute = new WorkerPool({
    ...workerPoolDefaults,
    workers: threads,
    smallBatchBytes,
    heapMiBMax: Math.floor(settings.MILLRACE_WORKER_HEAP_BYTES / 2 ** 20),
  });
  const checkpointer = new Checkpointer((dataset) => checkpointInThread({ tablesUrl, forcePathStyle, dataset }), systemClock, log);
  const group = joinedGroup(settings, log);
  // one batch more than there are threads: while they compute, another is read or committed
  const batchesMax = threads + 1;
  const transformer = new Transformer(
    {
      metastore,
      raw,
      tables,
      compute,
      checkpointer,
      slots: new BatchSlots(batchesMax, batchesMax * settings.MILLRACE_BATCH_BYTES, smallBatchBytes),
      clock: systemClock,
      random: systemRandom,
      log,
      metrics,
      worker: `${hostname()}/${process.pid}`,
      storeTrouble: () => rawCheck.trouble() ?? tablesCheck.trouble(),
      share: group,
      tracer,
    },
    {
      bytesMax: settings.MILLRACE_BATCH_BYTES,
      recordsMax: settings.MILLRACE_BATCH_RECORDS,
      ageMs: settings.MILLRACE_BATCH_INTERVAL_MS,
      targetFileBytes: settings.MILLRACE_TARGET_FILE_BYTES,
      tablePartitionsPerCommitMax: settings.MILLRACE_TABLE_PARTITIONS_PER_COMMIT_MAX,
      slowPollMs: settings.MILLRACE_SLOW_POLL_MS,
    },
  );

  let admin: HttpServer | undefined;
  let code = 0;
  try {
    const checks = () => [
      rawCheck.check(),
      tablesCheck.check(),
      metastore.check(),
      transformer.check(),
      ...(group === undefined ? [] : [group.check()]),
    ];
    admin = await startAdminServer({ listen: settings.MILLRACE_LISTEN, port: settings.MILLRACE_ADMIN_PORT, registry, build, checks, log });
    const isAway = (error: unknown) => isKind(error, 'unavailable');
    // raw is only read here; the tables hold commits, so they must prove that they can
    await rawCheck.begin(() => raw.list('', { limit: 1, signal: stopping }), isAway, stopping);
    await tablesCheck.begin(() => probeStore(tables, { clock: systemClock, random: systemRandom, signal: stopping }), isAway, stopping);
    const ended = new AbortController();
    const joined = group?.run(transformer, ended.signal);
    await Promise.all([transformer.run(stopping), rawCheck.watch(stopping), tablesCheck.watch(stopping)]);
    // what was worked on is finished: only now others may have it
    ended.abort();
    await joined;
  } catch (error) {
    log.fatal({ err: error }, 'phase 2 cannot go on');
    code = 1;
  }
  await Promise.all([compute.close(), admin?.close(), raw.close(), tables.close(), tracer?.close()]);
  log.info('stopped');
  process.exit(code);
}

/** The group that shares the datasets out; without Kafka there is none, and every worker works on all of them. */
function joinedGroup(settings: z.output<typeof config>, log: Logger): AnnouncementGroup | undefined {
  const { KAFKA_BROKERS: brokers, KAFKA_PROPERTIES: path, MILLRACE_GROUP_PREFIX: prefix } = settings;
  if (brokers === undefined) return undefined;
  return new AnnouncementGroup({
    brokers,
    groupId: `${prefix}-table`,
    clientId: `millrace-phase2-${hostname()}-${process.pid}`,
    properties: path === undefined ? {} : parseKafkaProperties(readProperties(path), path),
    sessionTimeoutMs: settings.MILLRACE_SESSION_TIMEOUT_MS,
    topic: announcementsTopic(prefix, settings.MILLRACE_ANNOUNCEMENTS_TOPIC),
    partitions: settings.MILLRACE_ANNOUNCEMENTS_PARTITIONS,
    clock: systemClock,
    log,
  });
}

function readProperties(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new MillraceError('invalid', 'bad_kafka_properties', `KAFKA_PROPERTIES: ${path} cannot be read`, { path }, cause);
  }
}

/** The signal that asks for an end. A second request ends at once; so does an end that takes too long: everything unfinished is read again at the next start. */
function stopOnSignals(log: Logger): AbortSignal {
  const stopping = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const)
    process.on(name, () => {
      if (stopping.signal.aborted) process.exit(1);
      log.info({ signal: name }, 'stopping: what is ready is committed first');
      stopping.abort();
      setTimeout(() => {
        log.warn('the end took too long; what was unfinished is done again at the next start');
        process.exit(0);
      }, stopMs).unref();
    });
  return stopping.signal;
}

main().catch((error: unknown) => {
  process.stderr.write(`phase2-transformer: ${describeError(error)}\n`);
  process.exit(1);
});
