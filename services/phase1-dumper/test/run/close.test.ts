import { findTail } from '@millrace/core/chain/tail.ts';
import { type ClaimEntry, chainEntry, encodeStored } from '@millrace/core/domain/chain.ts';
import { chainEntryKey } from '@millrace/core/domain/keys.ts';
import { expect, test, vi } from 'vitest';
import { claimChain } from '../../src/run/claim.ts';
import { landingContext } from './fakes.ts';

const partition = { topic: 'orders', partition: 0 };
const never = new AbortController().signal;

/** the close of the first incarnation, behind its claim and ours */
const closing = /topic-id.*00002\.json$/;
/** what another worker writes there instead */
const overtaking: ClaimEntry = {
  kind: 'claim',
  format: 1,
  seq: 2n,
  attemptId: 'other',
  epoch: 3n,
  source: { clusterId: 'cluster', topicId: 'topic-id', ...partition },
  startOffset: 0n,
  endOffset: 0n,
  leaderEpoch: null,
  writer: 'other',
  createdAt: '2026-01-01T00:00:00.000Z',
};

/** One partition that whoever runs the test claims again and again. `tail`: the newest entry of an incarnation's chain. */
function world(more: Parameters<typeof landingContext>[0] = {}) {
  const { context, cluster, store } = landingContext(more);
  const claim = async (signal = never) => (await claimChain(context, partition, Promise.resolve(undefined), signal, () => {})).status;
  const tail = (topicId: string) => findTail(store, 'orders', { topicId, partition: 0 });
  return { cluster, store, claim, tail };
}

/** The same after its topic was claimed, deleted and made again. */
async function madeAgain() {
  const same = world();
  await same.claim();
  same.cluster.topicId = 'made-again';
  return same;
}

test('whoever first claims a topic that was made again closes the chain that its owner left open, under a claim of its own', async () => {
  const { cluster, claim, tail } = await madeAgain();
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
  const { store, claim, tail } = await madeAgain();
  store.inject({ on: 'putIfAbsent', key: closing, effect: 'hang' });
  const death = new AbortController();
  const ending = claim(death.signal);
  await vi.waitFor(() => expect(store.calls.some(({ operation, key }) => operation === 'putIfAbsent' && closing.test(key))).toBe(true));
  death.abort();
  expect(await ending).toBe('aborted');
  expect(await tail('topic-id')).toMatchObject({ kind: 'claim', seq: 1n });
  expect(await tail('made-again')).toBeUndefined();
  expect(await claim()).toBe('claimed');
  expect(await tail('topic-id')).toMatchObject({ kind: 'close', seq: 3n, epoch: 3n });
});

test('one that is overtaken between its claim and the close begins again behind the other', async () => {
  const { store, claim, tail } = await madeAgain();
  const put = store.putIfAbsent.bind(store);
  store.putIfAbsent = async (key, body, ...more) => {
    if (closing.test(key)) await put(key, encodeStored(chainEntry, overtaking));
    return put(key, body, ...more);
  };
  expect(await claim()).toBe('claimed');
  expect(await tail('topic-id')).toMatchObject({ kind: 'close', seq: 4n, epoch: 4n });
});

test('two that were left open are closed, the newer and the older', async () => {
  const { cluster, store, claim, tail } = world();
  await claim();
  cluster.topicId = 'second';
  store.inject({ on: 'get', key: /topic-id\/00000/, effect: 'refuse' });
  expect(await claim()).toBe('claimed');
  expect(await tail('topic-id')).toMatchObject({ kind: 'claim', seq: 0n });
  cluster.topicId = 'third';
  await claim();
  expect([(await tail('topic-id'))?.kind, (await tail('second'))?.kind]).toEqual(['close', 'close']);
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

test.each(['damaged', 'archived'])('an earlier chain that is %s stays as it is, and the new one is claimed', async (how) => {
  const { store, claim } = await madeAgain();
  const key = chainEntryKey('orders', { topicId: 'topic-id', partition: 0 }, 0n);
  if (how === 'damaged') await store.put(key, Buffer.from('no entry'));
  else store.inject({ on: 'get', key: /topic-id\/00000/, effect: 'refuse', times: Number.POSITIVE_INFINITY });
  expect(await claim()).toBe('claimed');
  store.heal();
  expect(await store.head(chainEntryKey('orders', { topicId: 'topic-id', partition: 0 }, 1n))).toBeUndefined();
});

test('a topic that is made again while its forerunners are looked for is claimed under its new id, and nothing of that one is closed', async () => {
  const { cluster, store, claim, tail } = await madeAgain();
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
