import type { Effect, FaultyStore, StoreOperation } from '@millrace/core/testing/faulty-store.ts';
import { describe, expect, it } from 'vitest';
import { HandChain } from './hand-chain.ts';
import { eventually, HandMetastore, startTransformer } from './harness.ts';
import { freshLake, sharedCompute } from './lake.ts';
import { readTable } from './read-table.ts';

const compute = sharedCompute();
const topicId = 'topicAAAAAAAAAAAAAAAAA';
const orders = (count: number) => Array.from({ length: count }, (_, id) => (id === 3 ? 'null' : `{"id":${id}}`));

/** Lands twelve records in three entries and waits until they are in the table, whatever the store does. */
async function runThrough(break_: (stores: { raw: FaultyStore; tables: FaultyStore }) => void, workers = 1) {
  const { raw, tables } = freshLake();
  break_({ raw, tables });
  const metastore = new HandMetastore();
  metastore.register({ name: 'orders', kafkaTopic: 'orders' });
  const chain = new HandChain(raw, 'orders', topicId, 0);
  await chain.claim();
  const running = Array.from({ length: workers }, (_, i) => startTransformer({ raw, tables, metastore, compute, worker: `w${i}` }));
  for (let entry = 0; entry < 3; entry++) {
    await chain.data(orders(4));
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const table = await eventually('everything is in the table', async () => {
    const read = await readTable(tables, 'orders').catch(() => undefined);
    return read?.ledger.partitions[0]?.position === 12n ? read : undefined;
  });
  await Promise.all(running.map((transformer) => transformer.stop()));
  await tables.settled();
  const after = await readTable(tables, 'orders');
  expect(after?.ledger.partitions).toMatchObject([{ position: 12n, committed: 9n, quarantined: { not_object: 3n } }]);
  expect(after?.ledger.id).toBe(table.ledger.id);
  return { tables, after };
}

const conditional: [string, RegExp][] = [
  ['the table start', /_millrace\/start\//],
  ['the ledger', /_millrace\/ledger\//],
  ['the commit', /_delta_log\/\d{20}\.json/],
];
const effects: Effect[] = ['loseAnswer', 'loseRequest', 'applyLater', 'failBefore', 'refuse'];

describe('whatever the store does, every record is in the table once', () => {
  for (const [what, key] of conditional)
    it.each(effects)(`${what}: %s`, async (effect) => {
      await runThrough(({ tables }) => tables.inject({ on: 'putIfAbsent', key, effect, ms: 300, times: 2 }));
    });

  it.each<[string, StoreOperation, RegExp]>([
    ['data files', 'put', /\.parquet$/],
    ['quarantine segments', 'put', /_millrace\/quarantine\//],
    ['configurations', 'put', /_millrace\/config\//],
  ])('%s: an answer that is lost, a request that is refused', async (_, on, key) => {
    await runThrough(({ tables }) => {
      tables.inject({ on, key, effect: 'loseAnswer' });
      tables.inject({ on, key, effect: 'refuse' });
      tables.inject({ on, key, effect: 'applyLater', ms: 300 });
    });
  });

  it('reads that fail', async () => {
    await runThrough(({ raw, tables }) => {
      raw.inject({ on: 'get', key: /_chain/, effect: 'failBefore', after: 2, times: 2 });
      raw.inject({ on: 'get', key: /zst$/, effect: 'failBefore', times: 2 });
      tables.inject({ on: 'get', key: /_delta_log/, effect: 'failBefore', after: 1 });
    });
  });

  it('two workers on one dataset: both work, one commits', async () => {
    const { tables } = await runThrough(
      ({ tables }) => tables.inject({ on: 'putIfAbsent', key: /_delta_log/, effect: 'delay', ms: 50, times: Number.POSITIVE_INFINITY }),
      2,
    );
    expect(tables.calls.filter(({ operation, key }) => operation === 'putIfAbsent' && key.includes('_delta_log')).length).toBeGreaterThan(
      1,
    );
  });

  it('two workers, and answers of both are lost', async () => {
    await runThrough(({ tables }) => tables.inject({ on: 'putIfAbsent', key: /_delta_log/, effect: 'loseAnswer', times: 3 }), 2);
  });
});
