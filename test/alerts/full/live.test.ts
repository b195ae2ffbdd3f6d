import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { startKafka } from '../../../dev/stack/kafka.ts';
import { type HttpFaultProxy, startHttpProxy } from '../../faults/proxy/http-proxy.ts';
import { produce, withAdmin, withProducer } from '../../integration/phase1-harness.ts';
import { type Load, startLoad } from '../../support/load.ts';
import { metricsOf } from '../../support/promql.ts';
import { api, createDataset, datasetStatus, type Service, type Services, startServices, waitFor } from '../../support/services.ts';
import { freshBucket, freshDirectory, freshTopic } from '../../support/stack.ts';
import { alertsOf, readRules, recordingsOf } from '../rule-files.ts';
import { type FastPrometheus, startFastPrometheus } from './fast-prometheus.ts';

/*
 * The shipped rules, sixty times as fast, on a real Prometheus that scrapes the real services while things go wrong one after the other.
 * Each trouble makes its own alert fire and no other, and the alert goes when the trouble is over.
 */

const SPEED = 60;
/** A busy machine is slow in everything but Prometheus' clock. */
const WITHIN_MS = 180_000;
/** Longest `for` and window that a case here waits for, in fast motion, and some room. */
const QUIET_S = 20;

let proxy: HttpFaultProxy;
let services: Services;
let prometheus: FastPrometheus;
let steady: Load;

beforeAll(async () => {
  const { url, env } = freshBucket();
  proxy = await startHttpProxy({ target: env.AWS_ENDPOINT_URL_S3 ?? '' });
  services = await startServices({ rawUrl: `${url}/raw`, tablesUrl: `${url}/tables`, env: { ...env, AWS_ENDPOINT_URL_S3: proxy.url } });
  const topic = await newDataset();
  steady = startLoad(topic, 50);
  await committed(topic, 1n);
  prometheus = await watching(services);
}, 3 * WITHIN_MS);
afterAll(async () => {
  await steady?.stop();
  proxy?.clear();
  proxy?.down(false);
  await services?.stop();
  await prometheus?.stop();
  await proxy?.close();
}, WITHIN_MS);

/** A Prometheus with the shipped rules in fast motion on these services. */
function watching({ metastore, phase1, phase2 }: Services): Promise<FastPrometheus> {
  const addresses = (of: readonly Service[]) => of.map(({ adminUrl }) => new URL(adminUrl).host);
  const targets = {
    'millrace-phase1': addresses(phase1),
    'millrace-phase2': addresses(phase2),
    'millrace-metastore': addresses([metastore]),
  };
  return startFastPrometheus(freshDirectory('prometheus'), targets, SPEED);
}

/** A topic of one partition and a dataset of its name. */
async function newDataset(): Promise<string> {
  const topic = await freshTopic({ prefix: 'alerts' });
  await createDataset(services.metastoreUrl, { name: topic, kafkaTopic: topic });
  return topic;
}

/** Waits until a dataset's table has come so far. */
const committed = (dataset: string, position: bigint) =>
  waitFor(
    `${dataset} committed up to ${position}`,
    () => datasetStatus(services.metastoreUrl, dataset),
    ({ partitions }) => BigInt(partitions[0]?.committed ?? -1) >= position,
    WITHIN_MS,
  );

const send = (topic: string, values: readonly string[]) =>
  withProducer({}, async (producer) => {
    for (const value of values) producer.produce(topic, 0, Buffer.from(value), 'key', Date.now());
  });

const numbered = (count: number, value: (n: number) => string) => Array.from({ length: count }, (_, n) => value(n));

const untilFiring = (alert: string, by = prometheus) =>
  waitFor(
    `${alert} fires`,
    () => by.active(),
    (names) => names.includes(alert),
    WITHIN_MS,
  );

/** Nothing fires, and nothing is about to. */
const untilAllIsQuiet = (by = prometheus) =>
  waitFor(
    'no alert is active',
    () => by.active(true),
    (names) => names.length === 0,
    WITHIN_MS,
  );

/** Does harm, waits for the alert, heals, waits until all is quiet again. @returns every alert that fired between the harm and the quiet */
async function alertsOfTrouble(
  alert: string,
  harm: () => Promise<unknown>,
  heal: () => Promise<unknown>,
  by = prometheus,
): Promise<string[]> {
  await untilAllIsQuiet(by);
  const began = Date.now();
  await harm();
  await untilFiring(alert, by);
  // whatever else the same trouble would make fire gets its time
  await sleep(QUIET_S * 1_000);
  await heal();
  await untilAllIsQuiet(by);
  return by.firedWithin((Date.now() - began) / 1_000);
}

describe('alerts on a live system, sixty times as fast', { timeout: 4 * WITHIN_MS }, () => {
  test('every metric that a rule asks for is scraped, and while all is well nothing fires', async () => {
    await waitFor(
      'all metrics of the rules',
      async () => {
        const known = new Set(await prometheus.metricNames());
        const rules = [...alertsOf(readRules('alerts.yml')), ...recordingsOf(readRules('recording.yml'))];
        return [...new Set(rules.flatMap(({ expr }) => metricsOf(expr)))].filter((name) => !name.includes(':') && !known.has(name));
      },
      (missing) => missing.length === 0,
      WITHIN_MS,
    );
    await untilAllIsQuiet();
    await sleep(QUIET_S * 1_000);
    expect(await prometheus.firedWithin(QUIET_S)).toEqual([]);
  });

  test('a stopped worker', async () => {
    const worker = services.phase2[0] as Service;
    const fired = await alertsOfTrouble(
      'MillraceTargetDown',
      () => worker.stop(),
      () => worker.start(),
    );
    expect(fired).toEqual(['MillraceTargetDown']);
  });

  test('a store that does not answer', async () => {
    const fired = await alertsOfTrouble(
      'MillraceStoreErrors',
      async () => proxy.down(true),
      async () => proxy.down(false),
    );
    expect(fired).toEqual(['MillraceStoreErrors']);
  });

  test('a breaking change', async () => {
    const topic = await newDataset();
    await produce(topic, 1, 0, 100);
    await committed(topic, 100n);
    const fired = await alertsOfTrouble(
      'MillraceBreakingSchemaChange',
      () => send(topic, ['{"n":"one","text":"a"}', '{"n":"two","text":"b"}']),
      () => api(services.metastoreUrl, 'PUT', `/v1/datasets/${topic}/resume`, { breaking: 'quarantine' }),
    );
    expect(fired).toEqual(['MillraceBreakingSchemaChange']);
    await committed(topic, 102n);
  });

  test('a flood of records that cannot become rows', async () => {
    const topic = await newDataset();
    await produce(topic, 1, 0, 100);
    await committed(topic, 100n);
    const stop = new AbortController();
    let flood: Promise<void> | undefined;
    const fired = await alertsOfTrouble(
      'MillraceQuarantineFlood',
      async () => {
        flood = (async () => {
          while (!stop.signal.aborted) {
            await send(topic, [...numbered(20, (n) => `not json ${n}`), ...numbered(5, (n) => `{"n":${n},"text":"good"}`)]);
            await sleep(1_000);
          }
        })();
      },
      async () => {
        stop.abort();
        await flood;
      },
    );
    expect(fired).toEqual(['MillraceQuarantineFlood']);
  });

  test('records that Kafka deletes while phase 1 is off: a target is down meanwhile, and a loss is suspected after', async () => {
    const topic = await newDataset();
    await produce(topic, 1, 0, 40);
    await committed(topic, 40n);
    const worker = services.phase1[0] as Service;
    const fired = await alertsOfTrouble(
      'MillraceDataLossSuspected',
      async () => {
        await worker.stop();
        await produce(topic, 1, 40, 60);
        await withAdmin((admin) => admin.deleteRecords({ topics: [{ name: topic, partitions: [{ partition: 0, offset: 70n }] }] }));
        await worker.start();
      },
      async () => {
        expect(await prometheus.active()).toEqual(['MillraceDataLossSuspected']);
        const gap = { partition: 0, startOffset: '40', endOffset: '70', reason: 'retention was shorter than the night' };
        await api(services.metastoreUrl, 'POST', `/v1/datasets/${topic}/gaps`, gap);
      },
    );
    // how long a worker takes to come back decides whether its absence is told too
    expect(fired.filter((name) => name !== 'MillraceTargetDown')).toEqual(['MillraceDataLossSuspected']);
    await committed(topic, 100n);
  });

  test('brokers that do not answer, on a Kafka of its own', async () => {
    const kafka = await startKafka({ dir: freshDirectory('kafka-away'), brokers: 1 });
    onTestFinished(() => kafka.stop());
    const lake = pathToFileURL(freshDirectory('lake-away')).href;
    const alone = await startServices({ rawUrl: `${lake}/raw`, tablesUrl: `${lake}/tables`, brokers: kafka.brokers });
    onTestFinished(() => alone.stop());
    const watch = await watching(alone);
    onTestFinished(() => watch.stop());
    await withAdmin((admin) => admin.createTopics({ topics: ['orders'], partitions: 1, replicas: 1 }), kafka.brokers);
    await createDataset(alone.metastoreUrl, { name: 'orders', kafkaTopic: 'orders' });
    const [broker] = kafka.nodes;
    const fired = await alertsOfTrouble(
      'MillraceKafkaAway',
      async () => broker?.pause(),
      async () => broker?.resume(),
      watch,
    );
    expect(fired).toEqual(['MillraceKafkaAway']);
  });
});
