import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { verifyDataset } from '@millrace/cli/verify/verify.ts';
import { openObjectStore } from '@millrace/core/adapters/open-store.ts';
import { announcementPartition, encodeAnnouncement } from '@millrace/core/domain/announcement.ts';
import { describe, expect, it, onTestFinished } from 'vitest';
import { HandChain } from '../../services/phase2-transformer/test/loop/hand-chain.ts';
import { readTable } from '../../services/phase2-transformer/test/loop/read-table.ts';
import { produce, withAdmin, withProducer } from '../integration/phase1-harness.ts';
import { api, createDataset, type Service, type Services, type ServicesOptions, startServices, waitFor } from '../support/services.ts';
import { freshDirectory, freshTopic, kafkaBrokers, uniqueName } from '../support/stack.ts';
import { startKafkaProxy } from './proxy/kafka-proxy.ts';

/*
 * Phase 2 scales out by Kafka's own group protocol (design section 6): chain entries are announced on an internal topic, whoever holds a topic's
 * partition of it works on that topic's datasets, and an announcement wakes that work. Nothing that is told there is believed.
 */

const busyMs = 60_000;
const topicId = 'Mh5vQ2xKRc6dJ0sW8yTb_A';

async function start(more: Partial<ServicesOptions>): Promise<Services & { rawUrl: string; tablesUrl: string }> {
  const dir = pathToFileURL(freshDirectory('lake')).href;
  const lake = { rawUrl: `${dir}/raw`, tablesUrl: `${dir}/tables` };
  const services = await startServices({ ...lake, ...more });
  onTestFinished(() => services.stop());
  return { ...services, ...lake };
}

const openStore = (url: string) => openObjectStore(url, { forcePathStyle: true });
const positionOf = async (tablesUrl: string, dataset: string) =>
  (await readTable(openStore(tablesUrl), dataset))?.ledger.partitions.reduce((sum, { position }) => sum + position, 0n);

/** Datasets a worker works on now, by its own metrics. */
async function workedOnBy(worker: Service): Promise<string[]> {
  if (worker.pid === undefined) return [];
  const text = await (await fetch(`${worker.adminUrl}/metrics`, { signal: AbortSignal.timeout(5_000) })).text();
  return [...text.matchAll(/^millrace_dataset_state\{dataset="([^"]+)",state="RUNNING"\} 1$/gm)].map(([, dataset]) => String(dataset));
}

/** Waits until every dataset is worked on by exactly one of the workers, each has some, and it stays so for a moment. @returns who works on what */
async function untilShared(workers: readonly Service[], datasets: readonly string[], withinMs = busyMs): Promise<string[][]> {
  const look = () => Promise.all(workers.map(workedOnBy));
  const isShared = (by: string[][]) =>
    by.every((some) => some.length > 0) && datasets.every((dataset) => by.filter((some) => some.includes(dataset)).length === 1);
  const first = await waitFor('each dataset is one worker’s', look, isShared, withinMs);
  for (let again = 0; again < 3; again++) {
    await sleep(300);
    expect(await look()).toEqual(first);
  }
  return first;
}

/** A topic for each partition of the internal topic, so that all members of the group have the same number of them. */
async function topicsOver(partitions: number): Promise<string[]> {
  const topics: string[] = [];
  while (topics.length < partitions) {
    const prefix = uniqueName('share');
    const topic = prefix;
    if (announcementPartition(topic, partitions) === topics.length) topics.push(topic);
  }
  await withAdmin((admin) => admin.createTopics({ topics, partitions: 1, replicas: 1 }));
  return topics;
}

describe('announcements', () => {
  it('spread datasets over workers, one worker each; a killed worker’s move to the others, and back when it returns; nothing is lost or doubled', async () => {
    const partitions = 6;
    const topics = await topicsOver(partitions);
    const services = await start({ phase2: 3, env: { MILLRACE_ANNOUNCEMENTS_PARTITIONS: String(partitions) } });
    const { metastoreUrl, tablesUrl, rawUrl, phase2, env } = services;
    for (const topic of topics) await createDataset(metastoreUrl, { name: topic, kafkaTopic: topic });
    let sent = 0;
    const send = async (count: number) => {
      for (const topic of topics) await produce(topic, 1, sent, count);
      sent += count;
    };
    const untilCommitted = () =>
      waitFor(
        `${sent} records in each table`,
        async () => Promise.all(topics.map((topic) => positionOf(tablesUrl, topic))),
        (positions) => positions.every((position) => position === BigInt(sent)),
        busyMs,
      );
    await send(50);
    await untilCommitted();
    const before = await untilShared(phase2, topics);
    expect(before.map((some) => some.length)).toEqual([2, 2, 2]);

    const killed = phase2[1] as Service;
    await killed.kill();
    await send(50);
    await untilCommitted();
    const others = phase2.filter((worker) => worker !== killed);
    expect((await untilShared(others, topics)).map((some) => some.length)).toEqual([3, 3]);

    await killed.start();
    await send(50);
    expect((await untilShared(phase2, topics)).map((some) => some.length)).toEqual([2, 2, 2]);
    await untilCommitted();

    const group = `${env.MILLRACE_GROUP_PREFIX}-table`;
    const topic = `_${env.MILLRACE_GROUP_PREFIX}_announcements`;
    await waitFor(
      'the group’s lag is 0: nothing waits for a table',
      () =>
        withAdmin(async (admin) => {
          const ends = await admin.listOffsets({
            topics: [
              { name: topic, partitions: Array.from({ length: partitions }, (_, partitionIndex) => ({ partitionIndex, timestamp: -1n })) },
            ],
          });
          const committed = await admin.listConsumerGroupOffsets({ groups: [group] });
          const at = new Map(
            committed[0]?.topics.flatMap(({ partitions: of }) => of.map((p) => [p.partitionIndex, p.committedOffset] as const)),
          );
          return ends.flatMap(({ partitions: of }) => of.map(({ partitionIndex, offset }) => offset - (at.get(partitionIndex) ?? 0n)));
        }),
      (lags) => lags.length === partitions && lags.every((lag) => lag === 0n),
      busyMs,
    );
    const [raw, tables] = [openStore(rawUrl), openStore(tablesUrl)];
    for (const dataset of topics) {
      const report = await verifyDataset({ dataset, topic: dataset, raw, tables, tempDir: tmpdir(), kafka: undefined });
      expect(report.differences.kept).toEqual([]);
      expect(report.partitions.map(({ committed }) => committed)).toEqual([BigInt(sent)]);
    }
  });

  it('wake the work at once: between them chains are left alone, a doubled one does nothing, a lost one is found by the slow look', async () => {
    const slowMs = 12_000;
    const services = await start({ phase1: 0, env: { MILLRACE_SLOW_POLL_MS: String(slowMs), MILLRACE_BATCH_INTERVAL_MS: '50' } });
    const { metastoreUrl, rawUrl, tablesUrl, env } = services;
    const dataset = uniqueName('woken');
    const raw = openStore(rawUrl);
    const chain = new HandChain(raw, dataset, topicId, 0);
    const announce = (times = 1) =>
      withProducer({}, async (producer) => {
        const news = { format: 1, topic: dataset, topicId, partition: 0, seq: chain.seq - 1n, endOffset: chain.nextOffset } as const;
        for (let time = 0; time < times; time++)
          producer.produce(
            `_${env.MILLRACE_GROUP_PREFIX}_announcements`,
            announcementPartition(dataset, 4),
            Buffer.from(encodeAnnouncement(news)),
          );
      });
    const until = async (position: bigint, withinMs: number) => {
      await waitFor(
        `position ${position}`,
        () => positionOf(tablesUrl, dataset),
        (now) => now === position,
        withinMs,
      );
    };
    await chain.claim();
    await chain.data(['{"n":1}']);
    await createDataset(metastoreUrl, { name: dataset, kafkaTopic: dataset });
    await until(1n, busyMs);
    await waitFor(
      'the worker has joined',
      () => health(services.phase2[0] as Service),
      ({ announcements }) => announcements === null,
      busyMs,
    );
    await announce();
    // what was due before the first announcement is looked at once more, at most 2 s later; a slow look follows that
    await sleep(3_000);
    await chain.data(['{"n":2}']);
    await sleep(3_000);
    expect(await positionOf(tablesUrl, dataset)).toBe(1n);
    await announce(3);
    await until(2n, slowMs / 2);
    const version = (await readTable(openStore(tablesUrl), dataset))?.ledger.partitions;
    await announce(3);
    await chain.data(['{"n":3}']);
    await until(3n, 4 * slowMs);
    expect(version?.[0]?.committed).toBe(2n);
  });

  it('on a topic that cannot be created: said once in the log and in the status, and tables fill by looking', async () => {
    const taken = await freshTopic({ prefix: 'taken.by' });
    const services = await start({ phase2: 2, env: { MILLRACE_ANNOUNCEMENTS_TOPIC: taken.replace('.', '_') } });
    const topic = await freshTopic();
    await createDataset(services.metastoreUrl, { name: topic, kafkaTopic: topic });
    await produce(topic, 1, 0, 20);
    await waitFor(
      'committed',
      () => positionOf(services.tablesUrl, topic),
      (position) => position === 20n,
      busyMs,
    );
    const status = await waitFor(
      'the notice',
      () => api<{ reason: string | null; notices?: string[] }>(services.metastoreUrl, 'GET', `/v1/datasets/${topic}/status`),
      (answer) => JSON.stringify(answer).includes('collides'),
      busyMs,
    );
    expect(JSON.stringify(status)).toContain('not announced');
    await waitFor(
      'readiness',
      () => health(services.phase2[0] as Service),
      ({ announcements }) => /collides/.test(announcements ?? ''),
      busyMs,
    );
    for (const worker of [...services.phase1, ...services.phase2]) {
      const said = readFileSync(worker.logFile, 'utf8')
        .split('\n')
        .filter((line) => line.includes('collides'));
      expect(said).toHaveLength(1);
    }
  });

  it('while Kafka is away from phase 2, from the start and later: work goes on by looking', async () => {
    const proxy = await startKafkaProxy(kafkaBrokers());
    onTestFinished(() => proxy.close());
    const services = await start({
      phase1: 0,
      phase2: 2,
      brokers: proxy.brokers,
      envOf: (name): Record<string, string> => (name === 'phase2-2' ? { KAFKA_BROKERS: '127.0.0.1:9' } : {}),
    });
    const dataset = uniqueName('away');
    const chain = new HandChain(openStore(services.rawUrl), dataset, topicId, 0);
    await chain.claim();
    await createDataset(services.metastoreUrl, { name: dataset, kafkaTopic: dataset });
    const more = async () => {
      await chain.data(['{"n":1}', '{"n":2}']);
      await waitFor(
        'committed',
        () => positionOf(services.tablesUrl, dataset),
        (position) => position === chain.nextOffset,
        busyMs,
      );
    };
    const [joined, alone] = services.phase2 as [Service, Service];
    await waitFor(
      'one worker has joined',
      () => health(joined),
      ({ announcements }) => announcements === null,
      busyMs,
    );
    await joined.kill();
    await more();
    expect(await workedOnBy(alone)).toEqual([dataset]);
    await joined.start();
    await waitFor(
      'it has joined again',
      () => health(joined),
      ({ announcements }) => announcements === null,
      busyMs,
    );
    await alone.kill();
    proxy.down(true);
    await sleep(8_000); // longer than the session
    await more();
    expect(await workedOnBy(joined)).toEqual([dataset]);
  });
});

async function health(worker: Service): Promise<{ announcements: string | null | undefined }> {
  const answer = await fetch(`${worker.adminUrl}/health`, { signal: AbortSignal.timeout(5_000) });
  const { checks } = (await answer.json()) as { checks: { name: string; detail: string | null }[] };
  return { announcements: checks.find(({ name }) => name === 'announcements')?.detail };
}
