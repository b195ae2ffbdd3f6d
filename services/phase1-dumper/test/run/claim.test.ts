import { readChainStart } from '@millrace/core/chain/entries.ts';
import { expect, test, vi } from 'vitest';
import { tellPosition } from '../../src/dump/told-position.ts';
import { claimChain } from '../../src/run/claim.ts';
import { landingContext } from './fakes.ts';

const partition = { topic: 'orders', partition: 0 };

test('a topic whose last dataset is deleted while its claim waits gets no first offsets; the next dataset decides them', async () => {
  const wish = vi.fn(() => ({ startFrom: null as 'earliest' | null, topicWasMissing: false }));
  const { context, cluster, store } = landingContext({ wish });
  cluster.lastStable = 10n;
  const reasons: string[] = [];
  const claim = claimChain(context, partition, Promise.resolve(undefined), new AbortController().signal, (reason) => reasons.push(reason));
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
  const claim = claimChain(context, partition, Promise.resolve(undefined), new AbortController().signal, () => {});
  expect(await claim).toMatchObject({ status: 'claimed', chain: { source: { topicId: 'made-again' } } });
  expect(await readChainStart(store, 'orders', 'topic-id')).toBeUndefined();
});

test('a claim begins to look where the owner before said it was, and believes only the chain', async () => {
  const { context, cluster, store } = landingContext();
  const claim = async (told: string | undefined) => {
    const ending = await claimChain(context, partition, Promise.resolve(told), new AbortController().signal, () => {});
    return ending.status === 'claimed' ? ending.chain.head.seq : ending.status;
  };
  for (let seq = 0n; seq < 40n; seq++) expect(await claim(undefined)).toBe(seq);
  const { topicId } = cluster;
  const gets = vi.spyOn(store, 'get');
  const counted = async (told: string | undefined) => {
    gets.mockClear();
    const seq = await claim(told);
    return { seq, gets: gets.mock.calls.length };
  };
  const { gets: unhinted } = await counted(undefined);
  const hinted = await counted(tellPosition({ topicId, epoch: 41n, seq: 40n }));
  expect(hinted.seq).toBe(41n);
  expect(hinted.gets).toBeLessThanOrEqual(5);
  expect(hinted.gets).toBeLessThan(unhinted / 2);
  expect(await claim(tellPosition({ topicId, epoch: 9n, seq: 12n }))).toBe(42n);
  expect(await claim(tellPosition({ topicId, epoch: 9n, seq: 9_000n }))).toBe(43n);
  expect(await claim('something else')).toBe(44n);
}, 20_000);
