import { systemClock } from '@millrace/core/adapters/system/clock.ts';
import { systemRandom } from '@millrace/core/adapters/system/random.ts';
import { chainStart, encodeStored } from '@millrace/core/domain/chain.ts';
import { chainStartKey } from '@millrace/core/domain/keys.ts';
import { memoryStore } from '@millrace/core/testing/memory-store.ts';
import { describe, expect, it } from 'vitest';
import { resolveTableStart } from '../../src/loop/table-start.ts';
import { HandChain } from './hand-chain.ts';
import { HandMetastore } from './harness.ts';

const source = { topicId: 'topicAAAAAAAAAAAAAAAAA', partition: 0 };
const second = (n: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, n)).toISOString();

/** A chain whose entries, of one record each, were written at these seconds, and where the table of a dataset registered at second 10 begins on it. */
async function startOf(startFrom: 'earliest' | 'latest', writtenAt: number[], latest?: Record<string, bigint>) {
  const { store: raw } = memoryStore();
  if (latest !== undefined) {
    const { topicId } = source;
    const begun = { format: 1 as const, topicId, topic: 'orders', clusterId: 'c', startFrom: 'earliest' as const, partitions: { 0: 100n } };
    const start = { ...begun, latest, attemptId: 'a', createdAt: second(1) };
    await raw.put(chainStartKey('orders', topicId), encodeStored(chainStart, start));
  }
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
    expect(await startOf('latest', [11, 12], { 1: 500n })).toEqual([100n, 0n]);
  });

  it('latest: what Kafka had when landing began for a dataset of earliest is not in the table, whatever the clocks say', async () => {
    expect(await startOf('latest', [11, 12, 13, 14, 15], { 0: 103n })).toEqual([103n, 3n]);
    expect(await startOf('latest', [11, 12, 13], { 0: 103n })).toEqual([103n, 2n]);
    expect(await startOf('latest', [11, 12, 13], { 0: 100n })).toEqual([100n, 0n]);
    expect(await startOf('earliest', [11, 12, 13], { 0: 103n })).toEqual([100n, 0n]);
    // long after the landing began, the registration counts
    expect(await startOf('latest', [1, 2, 3, 4, 20], { 0: 102n })).toEqual([104n, 4n]);
  });

  it('latest: not before the chain has come there', async () => {
    expect(await startOf('latest', [11, 12], { 0: 103n })).toBeUndefined();
  });
});
