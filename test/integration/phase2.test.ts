import { pathToFileURL } from 'node:url';
import { openObjectStore } from '@millrace/core/adapters/open-store.ts';
import type { ObjectStore } from '@millrace/core/ports/object-store.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HandChain } from '../../services/phase2-transformer/test/loop/hand-chain.ts';
import { readTable } from '../../services/phase2-transformer/test/loop/read-table.ts';
import { compareEngines, deltaRs, duckdb, type Engine } from '../interop/engines.ts';
import { api, createDataset, datasetStatus, type Services, startServices, waitFor } from '../support/services.ts';
import { freshBucket, freshDirectory, s3Env, uniqueName } from '../support/stack.ts';

type Lake = { rawUrl: string; tablesUrl: string; env: Readonly<Record<string, string>> };

const lakes: [string, Engine[], () => Lake][] = [
  [
    'files',
    [deltaRs, duckdb],
    () => {
      const dir = pathToFileURL(freshDirectory('lake')).href;
      return { rawUrl: `${dir}/raw`, tablesUrl: `${dir}/tables`, env: {} };
    },
  ],
  [
    'S3',
    [deltaRs],
    () => {
      const { url, env } = freshBucket();
      return { rawUrl: `${url}/raw`, tablesUrl: `${url}/tables`, env };
    },
  ],
];

const topicId = 'Mh5vQ2xKRc6dJ0sW8yTb_A';
const exitWithinMs = 10_000;
const order = (id: number) =>
  id % 17 === 16
    ? null
    : id % 23 === 22
      ? '[]'
      : `{"id":${9007199254740993n + BigInt(id)},"date":"2026-01-0${1 + (id % 3)}","total":${id}.5,"customer":{"name":"Zoë ${id}","tags":["a",null,"b"]}${id > 150 ? ',"late":{"x":[{"y":1}]}' : ''}}`;
const orders = (count: number, from: number) => Array.from({ length: count }, (_, i) => order(from + i));

describe.each(lakes)('phase 2 as a process, on %s', (_, engines, makeLake) => {
  let lake: Lake;
  let raw: ObjectStore;
  let tables: ObjectStore;
  let services: Services;
  const open = (url: string) => openObjectStore(url, { forcePathStyle: true });

  beforeAll(async () => {
    lake = makeLake();
    Object.assign(process.env, s3Env());
    raw = open(lake.rawUrl);
    tables = open(lake.tablesUrl);
    // chains are written by hand, so nobody announces: workers that share nothing look at them all the time
    services = await startServices({ ...lake, env: { ...lake.env, KAFKA_BROKERS: '' }, phase1: 0, phase2: 2 });
  });
  afterAll(async () => {
    await services.stop();
    await Promise.all([raw.close(), tables.close()]);
  });

  it('two workers, one killed again and again: other engines find every record once, statistics and all', async () => {
    const dataset = uniqueName('orders');
    const chains = [new HandChain(raw, dataset, topicId, 0, 2n ** 40n), new HandChain(raw, dataset, topicId, 1)];
    for (const chain of chains) await chain.claim();
    const pkFields = ['id'];
    await createDataset(services.metastoreUrl, {
      name: dataset,
      kafkaTopic: dataset,
      pkFields,
      partitionKeys: ['date', 'day(_source_timestamp)'],
    });
    for (let round = 0; round < 6; round++) {
      for (const chain of chains) await chain.data(orders(50, round * 50), BigInt(round % 2));
      const victim = services.phase2[round % 2];
      if (round % 2 === 1) {
        await victim?.kill();
        await victim?.start();
      }
      await new Promise((resolve) => setTimeout(resolve, 700));
    }
    const ends = chains.map(({ nextOffset }) => nextOffset.toString());
    const status = await waitFor(
      'committed',
      () => datasetStatus(services.metastoreUrl, dataset),
      ({ partitions }) => partitions.length === 2 && partitions.every(({ committed }, index) => committed === ends[index]),
      60_000,
    );
    expect(status.state).toBe('RUNNING');
    const read = await readTable(tables, dataset);
    expect(read?.ledger.partitions.map(({ position }) => position.toString()).sort()).toEqual([...ends].sort());
    const compared = await compareEngines({ ...lake, dataset, topic: dataset, pkFields }, engines, freshDirectory('compare'));
    expect(compared).toMatchObject({ differences: 0, problems: [] });
    expect(compared.readers.map(({ rows }) => rows)).toEqual(engines.map(() => compared.expected.rows));
    expect(compared.expected.rows).toBeGreaterThan(500);
  });

  it('SIGTERM commits what has landed and ends with 0 in time; started again it goes on', async () => {
    const dataset = uniqueName('stop');
    const chain = new HandChain(raw, dataset, topicId, 0);
    await chain.claim();
    await chain.data(orders(10, 0));
    await createDataset(services.metastoreUrl, { name: dataset, kafkaTopic: dataset });
    await waitFor(
      'committed',
      () => readTable(tables, dataset),
      (read) => read?.ledger.partitions[0]?.position === 10n,
      20_000,
    );
    await services.phase2[1]?.stop();
    await chain.data(orders(5, 10));
    const began = Date.now();
    await services.phase2[0]?.stop();
    expect(Date.now() - began).toBeLessThan(exitWithinMs);
    expect((await readTable(tables, dataset))?.ledger.partitions[0]?.position).toBe(15n);
    await Promise.all(services.phase2.map((worker) => worker.start()));
    await chain.data(orders(5, 15));
    await waitFor(
      'committed',
      () => readTable(tables, dataset),
      (read) => read?.ledger.partitions[0]?.position === 20n,
      20_000,
    );
  });

  it('a breaking change is decided through the API, and the reconciliation adds up', async () => {
    const dataset = uniqueName('breaking');
    const chain = new HandChain(raw, dataset, topicId, 0);
    await chain.claim();
    await chain.data(['{"id":1}', '{"id":"two"}', '{"id":3}']);
    const { metastoreUrl } = services;
    await createDataset(metastoreUrl, { name: dataset, kafkaTopic: dataset });
    const blocked = await waitFor(
      'blocked',
      () => datasetStatus(metastoreUrl, dataset),
      ({ state }) => state === 'BLOCKED',
      20_000,
    );
    expect(blocked.reason).toContain('id');
    expect(await api(metastoreUrl, 'GET', `/v1/datasets/${dataset}/schemas/1`)).toMatchObject({ state: 'BLOCKED', kind: 'BREAKING' });
    await api(metastoreUrl, 'PUT', `/v1/datasets/${dataset}/resume`, { breaking: 'quarantine' });
    await waitFor(
      'running',
      () => datasetStatus(metastoreUrl, dataset),
      ({ partitions }) => partitions[0]?.committed === '3',
      20_000,
    );
    expect((await readTable(tables, dataset))?.ledger.partitions[0]).toMatchObject({ committed: 2n });
    expect(await api(metastoreUrl, 'GET', `/v1/datasets/${dataset}/schemas`)).toMatchObject([
      { state: 'SUPERSEDED' },
      { version: 2, state: 'ACTIVE' },
    ]);
    await api(metastoreUrl, 'DELETE', `/v1/datasets/${dataset}`);
    await waitFor(
      'marker',
      () => tables.list(`${dataset}/_millrace/deleted/`),
      (markers) => markers.length === 1,
      20_000,
    );
    expect(await readTable(tables, dataset)).toBeDefined();
  });

  it('goes on with the last good configuration while the metastore is away, after a restart too', async () => {
    const dataset = uniqueName('away');
    const chain = new HandChain(raw, dataset, topicId, 0);
    await chain.claim();
    await chain.data(orders(10, 0));
    await createDataset(services.metastoreUrl, { name: dataset, kafkaTopic: dataset });
    const position = (offset: bigint) =>
      waitFor(
        `position ${offset}`,
        () => readTable(tables, dataset),
        (read) => read?.ledger.partitions[0]?.position === offset,
        30_000,
      );
    await position(10n);
    await services.metastore.stop();
    try {
      await chain.data(orders(5, 10));
      await position(15n);
      for (const worker of services.phase2) await worker.kill();
      await Promise.all(services.phase2.map((worker) => worker.start()));
      await chain.data(orders(5, 15));
      await position(20n);
    } finally {
      await services.metastore.start();
    }
  });
});
