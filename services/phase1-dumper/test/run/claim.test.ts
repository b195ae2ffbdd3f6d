import { readChainStart } from '@millrace/core/chain/entries.ts';
import { expect, test, vi } from 'vitest';
import { claimChain } from '../../src/run/claim.ts';
import { landingContext } from './fakes.ts';

const partition = { topic: 'orders', partition: 0 };

test('a topic whose last dataset is deleted while its claim waits gets no first offsets; the next dataset decides them', async () => {
  const wish = vi.fn(() => ({ startFrom: null as 'earliest' | null, topicWasMissing: false }));
  const { context, cluster, store } = landingContext({ wish });
  cluster.lastStable = 10n;
  const reasons: string[] = [];
  const claim = claimChain(context, partition, new AbortController().signal, (reason) => reasons.push(reason));
  await vi.waitFor(() => expect(reasons).toEqual([expect.stringContaining('no dataset')]), 5_000);
  expect(await readChainStart(store, 'orders', cluster.topicId)).toBeUndefined();
  expect(context.health.checks()).toEqual([
    { name: 'kafka', ok: true, detail: null },
    { name: 'store', ok: true, detail: null },
  ]);
  wish.mockReturnValue({ startFrom: 'earliest', topicWasMissing: false });
  expect(await claim).toMatchObject({ status: 'claimed', chain: { head: { nextOffset: 0n } } });
});

test('a topic that is made again while its first offsets are asked for is claimed under its new id', async () => {
  const { context, cluster, store } = landingContext();
  const describe = cluster.describe.bind(cluster);
  cluster.describe = async (topics) => {
    const described = await describe(topics);
    cluster.topicId = 'made-again';
    return described;
  };
  const claim = claimChain(context, partition, new AbortController().signal, () => {});
  expect(await claim).toMatchObject({ status: 'claimed', chain: { source: { topicId: 'made-again' } } });
  expect(await readChainStart(store, 'orders', 'topic-id')).toBeUndefined();
});
