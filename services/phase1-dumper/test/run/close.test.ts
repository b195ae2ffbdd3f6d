import { findTail } from '@millrace/core/chain/tail.ts';
import { chainEntryKey } from '@millrace/core/domain/keys.ts';
import { expect, test } from 'vitest';
import { claimChain } from '../../src/run/claim.ts';
import { landingContext } from './fakes.ts';

const partition = { topic: 'orders', partition: 0 };
const never = new AbortController().signal;

/** One partition that whoever runs the test claims again and again. `tail`: the newest entry of an incarnation's chain. */
function world(more: Parameters<typeof landingContext>[0] = {}) {
  const { context, cluster, store } = landingContext(more);
  const claim = async (signal = never) => (await claimChain(context, partition, Promise.resolve(undefined), signal, () => {})).status;
  const tail = (topicId: string) => findTail(store, 'orders', { topicId, partition: 0 });
  return { cluster, store, claim, tail };
}

test('whoever first claims a topic that was made again closes the chain that its owner left open, under a claim of its own', async () => {
  const { cluster, claim, tail } = world();
  await claim();
  cluster.topicId = 'made-again';
  expect(await claim()).toBe('claimed');
  expect(await tail('made-again')).toMatchObject({ kind: 'claim', seq: 0n });
  expect(await tail('topic-id')).toMatchObject({ kind: 'close', seq: 2n, epoch: 2n, reason: expect.stringContaining('made-again') });
  // later claims, and a third topic of that name, leave what is closed as it is
  await claim();
  cluster.topicId = 'third';
  await claim();
  expect(await tail('topic-id')).toMatchObject({ kind: 'close', seq: 2n });
  expect(await tail('made-again')).toMatchObject({ kind: 'close', seq: 3n, epoch: 3n });
});

test('one that ends in the middle of it has not begun the new chain, so that the next one does the rest', async () => {
  const { cluster, store, claim, tail } = world();
  await claim();
  cluster.topicId = 'made-again';
  store.inject({ on: 'putIfAbsent', key: /topic-id.*00002\.json$/, effect: 'hang' });
  expect(await claim(AbortSignal.timeout(300))).toBe('aborted');
  expect(await tail('topic-id')).toMatchObject({ kind: 'claim', seq: 1n });
  expect(await tail('made-again')).toBeUndefined();
  expect(await claim()).toBe('claimed');
  expect(await tail('topic-id')).toMatchObject({ kind: 'close', seq: 3n, epoch: 3n });
});

test('chains of another cluster are left open: they may still live', async () => {
  const acceptance = { kind: 'cluster', clusterId: 'other', id: 'd', reason: 'moved', decidedBy: 'ops', decidedAt: '' } as never;
  const { cluster, claim, tail } = world({ acceptances: () => [acceptance] });
  await claim();
  cluster.clusterId = 'other';
  cluster.topicId = 'topic-there';
  expect(await claim()).toBe('claimed');
  expect(await tail('topic-id')).toMatchObject({ kind: 'claim', seq: 0n });
});

test('an earlier chain that cannot be read stays as it is, and the new one is claimed', async () => {
  const { cluster, store, claim } = world();
  await claim();
  await store.put(chainEntryKey('orders', { topicId: 'topic-id', partition: 0 }, 1n), Buffer.from('no entry'));
  cluster.topicId = 'made-again';
  expect(await claim()).toBe('claimed');
});

test('a topic that is made again while its forerunners are looked for is claimed under its new id, and nothing of that one is closed', async () => {
  const { cluster, store, claim, tail } = world();
  await claim();
  cluster.topicId = 'made-again';
  const list = store.list.bind(store);
  store.list = async (...args) => {
    const found = await list(...args);
    if ((await store.head('orders/_chain/made-again/start.json')) !== undefined) cluster.topicId = 'third';
    return found;
  };
  expect(await claim()).toBe('claimed');
  expect(await tail('made-again')).toBeUndefined();
  expect(await tail('third')).toMatchObject({ kind: 'claim' });
  expect(await tail('topic-id')).toMatchObject({ kind: 'close', seq: 2n });
});
