import { systemClock } from '@millrace/core/adapters/system/clock.ts';
import { systemRandom } from '@millrace/core/adapters/system/random.ts';
import { memoryStore } from '@millrace/core/testing/memory-store.ts';
import { describe, expect, it } from 'vitest';
import { resolveTableStart } from '../../src/loop/table-start.ts';
import { HandChain } from './hand-chain.ts';
import { HandMetastore } from './harness.ts';

const source = { topicId: 'topicAAAAAAAAAAAAAAAAA', partition: 0 };
const second = (n: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, n)).toISOString();

/** A chain whose entries, of one record each, were written at these seconds, and where the table of a dataset registered at second 10 begins on it. */
async function startOf(startFrom: 'earliest' | 'latest', writtenAt: number[]) {
  const { store: raw } = memoryStore();
  for (const [seq, at] of writtenAt.entries()) {
    const chain = new HandChain(raw, 'orders', source.topicId, source.partition, 100n + BigInt(seq), second(at));
    chain.seq = BigInt(seq);
    await chain.data([`{"id":${seq}}`]);
  }
  const dataset = new HandMetastore().register({ name: 'd', kafkaTopic: 'orders', startFrom, createdAt: second(10) });
  const deps = { raw, table: memoryStore().store, clock: systemClock, random: systemRandom };
  const start = await resolveTableStart(deps, dataset, source, new AbortController().signal);
  expect(await resolveTableStart(deps, dataset, source, new AbortController().signal)).toEqual(start);
  return start && [start.startOffset, start.seq];
}

describe('where a table begins on a chain', () => {
  it('earliest: at its first offset', async () => {
    expect(await startOf('earliest', [1, 2, 20])).toEqual([100n, 0n]);
    expect(await startOf('earliest', [])).toBeUndefined();
  });

  it('latest: at the first entry since the dataset was registered, however late that is looked up', async () => {
    expect(await startOf('latest', [1, 2, 20, 21, 22])).toEqual([102n, 2n]);
    expect(await startOf('latest', [1, 10])).toEqual([101n, 1n]);
    for (let since = 1; since < 12; since++)
      expect(
        await startOf(
          'latest',
          Array.from({ length: 12 }, (_, i) => (i < since ? 5 : 15)),
        ),
      ).toEqual([100n + BigInt(since), BigInt(since)]);
  });

  it('latest: at the landed end when nothing was written since', async () => {
    expect(await startOf('latest', [1, 2, 3])).toEqual([103n, 2n]);
  });

  it('latest: a chain begun for the dataset, or later, is read whole', async () => {
    expect(await startOf('latest', [11, 12])).toEqual([100n, 0n]);
  });
});
