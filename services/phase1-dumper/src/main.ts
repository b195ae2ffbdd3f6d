import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { createLogger, type Logger } from '@millrace/core/adapters/admin/logger.ts';
import { createRegistry, startAdminServer } from '@millrace/core/adapters/admin/server.ts';
import { parseKafkaProperties } from '@millrace/core/adapters/kafka/properties.ts';
import { openObjectStore } from '@millrace/core/adapters/open-store.ts';
import { requireUsableRoots } from '@millrace/core/adapters/roots.ts';
import { systemClock } from '@millrace/core/adapters/system/clock.ts';
import { systemRandom } from '@millrace/core/adapters/system/random.ts';
import { openTracer } from '@millrace/core/adapters/tracing/open-tracer.ts';
import { announcementsTopic } from '@millrace/core/domain/announcement.ts';
import { describeError, isKind, MillraceError } from '@millrace/core/domain/errors.ts';
import { printableSettings } from '@millrace/core/domain/settings.ts';
import type { ObjectStore } from '@millrace/core/ports/object-store.ts';
import { meteredStore } from '@millrace/core/stores/metered-store.ts';
import { probeStore } from '@millrace/core/stores/probe-store.ts';
import { createMetastoreClient } from '@millrace/metastore/client/client.ts';
import { cachedMetastore } from '@millrace/metastore/client/last-good.ts';
import { type Phase1Settings, phase1Settings, readPhase1Settings } from './config.ts';
import { KafkaAnnouncer } from './kafka/announcer.ts';
import { KafkaSource, requireConsumerProtocol } from './kafka/kafka-source.ts';
import { LoneProcess } from './kafka/lone-process.ts';
import { openMetadata } from './kafka/open-metadata.ts';
import { compressLines } from './run/compress.ts';
import type { LandingContext } from './run/context.ts';
import { Health } from './run/health.ts';
import { Limit } from './run/limit.ts';
import { createMetrics } from './run/metrics.ts';
import { WantedTopics } from './run/topics.ts';
import { LandingWorker } from './run/worker.ts';

/** Raw objects compressed and stored at once. */
const publicationsMax = 8;
/** Of the budget: what the Kafka client may hold fetched, at most 64 MiB. */
const queueShare = 4;
const queueBytesMax = 64 * 2 ** 20;
const startRetryMs = 2_000;
/** After a request to end, the process is gone within this time, ms: what is not published by then is read again by whoever is next. */
const endWithinMs = 9_000;

async function run(settings: Phase1Settings, log: Logger, stop: AbortSignal): Promise<void> {
  const { registry, build } = createRegistry('phase1');
  const metrics = createMetrics(registry, settings.MILLRACE_METRICS_PARTITIONS);
  const health = new Health((party, ok) => {
    if (party === 'kafka') metrics.kafkaUp.set(ok ? 1 : 0);
  });
  const metastore = cachedMetastore(createMetastoreClient(settings.MILLRACE_METASTORE_URL), {
    stateDir: settings.MILLRACE_STATE_DIR,
    worker: 'phase1',
    log,
  });
  const admin = await startAdminServer({
    listen: settings.MILLRACE_LISTEN,
    port: settings.MILLRACE_ADMIN_PORT,
    registry,
    build,
    checks: () => [...health.checks(), metastore.check()],
    log,
  });
  const properties =
    settings.KAFKA_PROPERTIES === undefined
      ? {}
      : parseKafkaProperties(readProperties(settings.KAFKA_PROPERTIES), settings.KAFKA_PROPERTIES);
  const clientId = `millrace-phase1-${hostname()}-${process.pid}`;
  const metadata = openMetadata({ brokers: settings.KAFKA_BROKERS, clientId, properties, clock: systemClock });
  for (const notice of metadata.notices) log.warn(notice);
  const opened = openObjectStore(settings.MILLRACE_RAW_URL, { forcePathStyle: settings.MILLRACE_S3_FORCE_PATH_STYLE });
  const store = meteredStore(opened, metrics.store, systemClock);

  await untilThere(() => probeStore(store, { clock: systemClock, random: systemRandom, signal: stop }), 'store', health, log, stop);
  await untilThere(() => metadata.describe([]), 'kafka', health, log, stop);
  if (settings.MILLRACE_GROUP_PROTOCOL === 'consumer')
    await untilThere(() => requireConsumerProtocol(metadata), 'kafka', health, log, stop);

  const wanted = new WantedTopics();
  const tracer = await openTracer(process.env, 'millrace-phase1', log);
  const announcer = new KafkaAnnouncer({
    brokers: settings.KAFKA_BROKERS,
    clientId,
    properties,
    topic: announcementsTopic(settings.MILLRACE_GROUP_PREFIX, settings.MILLRACE_ANNOUNCEMENTS_TOPIC),
    partitions: settings.MILLRACE_ANNOUNCEMENTS_PARTITIONS,
    metadata,
    clock: systemClock,
    log,
    count: (result) => metrics.announcements.inc({ result }),
  });
  const groupId = `${settings.MILLRACE_GROUP_PREFIX}-landing`;
  const queueBytes = Math.min(queueBytesMax, settings.MILLRACE_BUFFER_BYTES_MAX / queueShare);
  const context: LandingContext = {
    store,
    metadata,
    clock: systemClock,
    random: systemRandom,
    log,
    metrics,
    announcer,
    tracer,
    health,
    compress: compressLines,
    publications: new Limit(publicationsMax),
    writer: `${hostname()}-${process.pid}`,
    seal: { sealBytes: settings.MILLRACE_SEAL_BYTES, sealIntervalMs: settings.MILLRACE_SEAL_INTERVAL_MS },
    sessionTimeoutMs: settings.MILLRACE_SESSION_TIMEOUT_MS,
    alone: {
      atOnce: new Limit(1),
      bytesMax: queueBytes + settings.MILLRACE_SEAL_BYTES,
      open: ({ source, head }) =>
        new LoneProcess({
          brokers: settings.KAFKA_BROKERS,
          properties,
          groupId,
          clientId: `${clientId}-alone`,
          rawUrl: settings.MILLRACE_RAW_URL,
          forcePathStyle: settings.MILLRACE_S3_FORCE_PATH_STYLE,
          topic: source.topic,
          partition: source.partition,
          offset: head.nextOffset,
          leaderEpoch: head.leaderEpoch,
          epoch: head.epoch,
        }),
    },
    wish: (topic) => wanted.wish(topic),
    acceptances: (topic) => wanted.acceptances(topic),
    datasetsOf: (topic) => wanted.datasetsOf(topic),
  };
  const worker = new LandingWorker({
    context,
    wanted,
    metastore,
    budgetBytes: settings.MILLRACE_BUFFER_BYTES_MAX,
    stallTimeoutMs: settings.MILLRACE_STALL_TIMEOUT_MS,
    openSource: (handler) =>
      KafkaSource.open(
        {
          brokers: settings.KAFKA_BROKERS,
          groupId,
          clientId,
          properties,
          groupProtocol: settings.MILLRACE_GROUP_PROTOCOL,
          sessionTimeoutMs: settings.MILLRACE_SESSION_TIMEOUT_MS,
          queueBytes,
          clock: systemClock,
          onEvent: ({ level, message, code }) => log[level]({ code }, message),
          onReread: () => metrics.retries.inc({ doing: 'read partitions anew' }),
        },
        handler,
      ),
  });
  stop.addEventListener('abort', () => worker.stop(), { once: true });
  if (stop.aborted) worker.stop();
  const ended = new AbortController();
  const announcing = announcer.run(ended.signal);
  await worker.run();
  ended.abort();
  await announcing;
  await Promise.all([metadata.close(), closeStore(store), admin.close(), tracer?.close()]);
}

/** Asks until the other side is there: bounded back-off, a clear line each time its answer changes. What is wrong for good is thrown. */
async function untilThere(
  ask: () => Promise<unknown>,
  party: 'store' | 'kafka',
  health: Health,
  log: Logger,
  stop: AbortSignal,
): Promise<void> {
  let said = '';
  for (let waits = 0; !stop.aborted; waits++) {
    try {
      await ask();
      health.set(party, null);
      return;
    } catch (error) {
      if (!isKind(error, 'unavailable')) throw error;
      const words = describeError(error);
      health.set(party, words);
      if (words !== said) log.warn({ party, err: error }, 'waiting for the other side');
      said = words;
      await systemClock.sleep(Math.min(startRetryMs, 250 * 2 ** waits), stop);
    }
  }
}

function readProperties(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new MillraceError('invalid', 'bad_kafka_properties', `KAFKA_PROPERTIES: ${path} cannot be read`, { path }, cause);
  }
}

const closeStore = (store: ObjectStore) => store.close().catch(() => undefined);

async function main(): Promise<number> {
  let log = createLogger('phase1', 'info');
  try {
    const settings = readPhase1Settings(process.env);
    log = createLogger('phase1', settings.LOG_LEVEL);
    log.info({ settings: printableSettings(phase1Settings, settings) }, 'phase 1 starts');
    requireUsableRoots(settings.MILLRACE_RAW_URL, settings.MILLRACE_TABLES_URL);
    const stop = new AbortController();
    const onSignal = (signal: NodeJS.Signals) => {
      if (stop.signal.aborted) process.exit(signal === 'SIGINT' ? 130 : 143);
      log.info({ signal }, 'stopping: publishing what is buffered, leaving the group');
      stop.abort();
      setTimeout(() => process.exit(0), endWithinMs).unref();
    };
    process.on('SIGTERM', onSignal);
    process.on('SIGINT', onSignal);
    await run(settings, log, stop.signal);
    log.info('phase 1 ended');
    return 0;
  } catch (error) {
    log.fatal({ err: error }, describeError(error));
    return 1;
  }
}

process.exit(await main());
