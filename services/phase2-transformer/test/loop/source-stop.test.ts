import { describe, expect, it } from 'vitest';
import { HandChain } from './hand-chain.ts';
import { eventually, HandMetastore, startTransformer } from './harness.ts';
import { freshLake, sharedCompute } from './lake.ts';
import { readTable } from './read-table.ts';

const compute = sharedCompute();
const topicId = 'topicAAAAAAAAAAAAAAAAA';
const orders = (count: number) => Array.from({ length: count }, (_, id) => `{"id":${id}}`);
/** A damaged object is looked at again after 5 s. */
const mendedWithinMs = 60_000;

/** Two chains; the second object of the first one is spoiled before the table is made. */
async function world(spoil: (raw: ReturnType<typeof freshLake>['raw'], key: string) => Promise<void>) {
  const { raw, tables } = freshLake();
  const metastore = new HandMetastore();
  const { id } = metastore.register({ name: 'orders', kafkaTopic: 'orders' });
  const [bad, good] = [0, 1].map((partition) => new HandChain(raw, 'orders', topicId, partition)) as [HandChain, HandChain];
  for (const chain of [bad, good]) {
    await chain.claim();
    await chain.data(orders(10));
  }
  const key = await bad.data(orders(7));
  await bad.data(orders(3));
  const bytes = (await raw.get(key)) as Uint8Array;
  await spoil(raw, key);
  const running = startTransformer({ raw, tables, metastore, compute });
  const positions = () => metastore.reports.get(id)?.partitions.map(({ position }) => position);
  const report = () => metastore.reports.get(id);
  const until = (what: string, expected: bigint[]) =>
    eventually(what, () => positions()?.join() === expected.join(), mendedWithinMs).then(() => report());
  return { raw, tables, key, bytes, good, bad, running, report, until, mend: () => raw.put(key, bytes) };
}

describe('a raw object that is missing or not what its entry says', () => {
  for (const [how, spoil] of [
    ['missing', (raw, key) => raw.delete(key)],
    ['other bytes', (raw, key) => raw.put(key, Buffer.from('something else'))],
  ] as [string, Parameters<typeof world>[0]][])
    it(`${how}: stops its source partition before it, with its key; the other partition goes on; it is read on by itself once it is whole`, async () => {
      const w = await world(spoil);
      await w.until('all but the damaged object is committed', [10n, 10n]);
      const stopped = await eventually('it says so', () => w.report()?.state === 'FAILED' && w.report());
      expect(stopped?.reason).toContain(`source partition ${topicId}/0 stops at offset 10: raw object `);
      expect(stopped?.reason).toContain(w.key);
      for (let round = 1; round <= 3; round++) {
        await w.good.data(orders(5));
        await w.until('the other partition goes on', [10n, 10n + 5n * BigInt(round)]);
      }
      await w.mend();
      const end = await w.until('everything is committed', [20n, 25n]);
      await eventually('it runs', () => w.report()?.state === 'RUNNING');
      expect(end?.partitions.map(({ committed }) => committed)).toEqual([20n, 25n]);
      await w.running.stop();
      expect((await readTable(w.tables, 'orders'))?.ledger.partitions).toHaveLength(2);
    }, 120_000);
});
