import { memoryStore } from '@millrace/core/testing/memory-store.ts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { discoverPartitions, discoverTopicIds } from '../../src/chain/discover.ts';
import { checkFollows, followChain, readChainStart, readEntry, startOffsetOf } from '../../src/chain/entries.ts';
import { findEntryCovering, findTail } from '../../src/chain/tail.ts';
import { type ChainEntry, chainEntry, chainStart, encodeStored } from '../../src/domain/chain.ts';
import { chainEntryKey, chainStartKey } from '../../src/domain/keys.ts';

const topic = 'orders';
const source = { topicId: 'AbCdEfGhIjKlMnOpQrStUv', partition: 3 };

function common(seq: bigint, epoch: bigint, startOffset: bigint, endOffset: bigint) {
  const identity = { clusterId: 'cluster-1', topicId: source.topicId, topic, partition: source.partition };
  return {
    format: 1 as const,
    seq,
    attemptId: `a${seq}`,
    epoch,
    source: identity,
    startOffset,
    endOffset,
    leaderEpoch: 0,
    writer: 'w',
    createdAt: '2026-11-21T00:00:00Z',
  };
}
const claim = (seq: bigint, epoch: bigint, at: bigint): ChainEntry => ({ kind: 'claim', ...common(seq, epoch, at, at) });
const data = (seq: bigint, epoch: bigint, startOffset: bigint, endOffset: bigint): ChainEntry => ({
  kind: 'data',
  ...common(seq, epoch, startOffset, endOffset),
  objects: [],
  gaps: endOffset > startOffset ? [{ startOffset, endOffset, cause: 'not_delivered' }] : [],
});

async function storeWith(entries: ChainEntry[]) {
  const memory = memoryStore();
  for (const entry of entries) await memory.store.put(chainEntryKey(topic, source, entry.seq), encodeStored(chainEntry, entry));
  return memory;
}
/** a claim, then data entries of `step` offsets each */
const chainOf = (length: number, step = 10n) =>
  Array.from({ length }, (_, i) => (i === 0 ? claim(0n, 1n, 0n) : data(BigInt(i), 1n, BigInt(i - 1) * step, BigInt(i) * step)));

describe('findTail', () => {
  test('finds the newest entry of a chain of any length from any hint, in a logarithmic number of requests', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 300 }), fc.nat(300), async (length, hint) => {
        const { store, count } = await storeWith(chainOf(length));
        const tail = await findTail(store, topic, source, BigInt(Math.min(hint, Math.max(0, length - 1))));
        expect(tail?.seq).toBe(length === 0 ? undefined : BigInt(length - 1));
        expect(count.get).toBeLessThanOrEqual(2 * Math.ceil(Math.log2(length + 2)) + 4);
      }),
      { numRuns: 60 },
    );
  });

  test('a hint beyond the chain begins again at 0', async () => {
    const { store } = await storeWith(chainOf(3));
    expect((await findTail(store, topic, source, 9n))?.seq).toBe(2n);
  });

  test('goes on to entries written while it searched', async () => {
    const { store, count } = await storeWith(chainOf(4));
    const get = store.get;
    store.get = async (key) => {
      if (count.get === 4) await store.put(chainEntryKey(topic, source, 4n), encodeStored(chainEntry, data(4n, 1n, 30n, 40n)));
      return get(key);
    };
    expect((await findTail(store, topic, source))?.seq).toBe(4n);
  });
});

test('findEntryCovering finds the one entry that holds an offset', async () => {
  const entries = chainOf(40);
  const { store } = await storeWith(entries);
  const tail = entries.at(-1) as ChainEntry;
  for (let offset = 0n; offset < 390n; offset++) {
    const entry = await findEntryCovering(store, topic, source, offset, tail);
    expect(entry && entry.startOffset <= offset && offset < entry.endOffset).toBe(true);
  }
  expect(await findEntryCovering(store, topic, source, 390n, tail)).toBeUndefined();
});

describe('an entry is read as it lies, or not at all', () => {
  test('missing is undefined', async () => {
    expect(await readEntry(memoryStore().store, topic, source, 0n)).toBeUndefined();
  });

  test('an unknown kind or a newer format stops the reader', async () => {
    const { store } = memoryStore();
    const text = new TextDecoder().decode(encodeStored(chainEntry, claim(0n, 1n, 0n)));
    await store.put(chainEntryKey(topic, source, 0n), new TextEncoder().encode(text.replace('"claim"', '"handover"')));
    await store.put(chainEntryKey(topic, source, 1n), new TextEncoder().encode(text.replace('"format":1', '"format":2')));
    await expect(readEntry(store, topic, source, 0n)).rejects.toMatchObject({ kind: 'invalid', code: 'newer_format' });
    await expect(readEntry(store, topic, source, 1n)).rejects.toMatchObject({ kind: 'invalid', code: 'newer_format' });
  });

  test('an entry that says another place than its key is corrupt', async () => {
    const { store } = memoryStore();
    await store.put(chainEntryKey(topic, source, 5n), encodeStored(chainEntry, claim(4n, 1n, 0n)));
    await expect(readEntry(store, topic, source, 5n)).rejects.toMatchObject({ kind: 'corrupt', code: 'chain_entry_misplaced' });
  });
});

describe('checkFollows', () => {
  const object = {
    key: 'k',
    bytes: 1,
    linesBytes: 1,
    sha256: '0'.repeat(64),
    recordCount: 4,
    startOffset: 0n,
    endOffset: 5n,
    firstTimestamp: null,
    lastTimestamp: null,
  };
  const withObject = (recordCount: number, gaps: [bigint, bigint][]): ChainEntry => ({
    kind: 'data',
    ...common(1n, 1n, 0n, 6n),
    objects: [{ ...object, recordCount }],
    gaps: gaps.map(([startOffset, endOffset]) => ({ startOffset, endOffset, cause: 'not_delivered' as const })),
  });

  test.each<[string, ChainEntry | undefined, ChainEntry, string | undefined]>([
    ['the first is a claim', undefined, claim(0n, 1n, 0n), undefined],
    ['the first is not data', undefined, data(0n, 1n, 0n, 5n), 'chain_bad_first'],
    ['data after its claim', claim(0n, 1n, 7n), data(1n, 1n, 7n, 9n), undefined],
    ['a jump of seq', claim(0n, 1n, 7n), data(2n, 1n, 7n, 9n), 'chain_not_dense'],
    ['a hole between entries', claim(0n, 1n, 7n), data(1n, 1n, 8n, 9n), 'chain_offsets_not_dense'],
    ['an overlap of entries', data(1n, 1n, 7n, 9n), data(2n, 1n, 8n, 9n), 'chain_offsets_not_dense'],
    ['a claim raises the epoch', data(1n, 1n, 7n, 9n), claim(2n, 2n, 9n), undefined],
    ['a claim of the same epoch', data(1n, 1n, 7n, 9n), claim(2n, 1n, 9n), 'chain_epoch'],
    ['data of an older epoch', claim(4n, 3n, 9n), data(5n, 2n, 9n, 11n), 'chain_epoch'],
    ['data after a close', { ...claim(3n, 2n, 9n), kind: 'close', reason: 'r' }, data(4n, 2n, 9n, 11n), 'chain_after_close'],
    ['R1: a claim with the same id may follow a close', { ...claim(3n, 2n, 9n), kind: 'close', reason: 'r' }, claim(4n, 3n, 9n), undefined],
    ['R12: a data entry without objects', claim(0n, 1n, 7n), data(1n, 1n, 7n, 9n), undefined],
    [
      'records and gaps cover the range',
      claim(0n, 1n, 0n),
      withObject(4, [
        [2n, 3n],
        [5n, 6n],
      ]),
      undefined,
    ],
    ['an offset nobody accounts for', claim(0n, 1n, 0n), withObject(4, [[5n, 6n]]), 'chain_not_covered'],
    [
      'gaps that overlap',
      claim(0n, 1n, 0n),
      withObject(3, [
        [2n, 4n],
        [3n, 4n],
        [5n, 6n],
      ]),
      'chain_gaps',
    ],
  ])('%s', (_name, previous, entry, code) => {
    if (code === undefined) checkFollows(previous, entry);
    else expect(() => checkFollows(previous, entry)).toThrow(expect.objectContaining({ kind: 'corrupt', code }));
  });
});

test('followChain yields every entry in order, checked, until the first missing one', async () => {
  const { store } = await storeWith([...chainOf(5), claim(5n, 2n, 40n)]);
  const kinds: string[] = [];
  for await (const entry of followChain(store, topic, source)) kinds.push(`${entry.seq}${entry.kind}`);
  expect(kinds).toEqual(['0claim', '1data', '2data', '3data', '4data', '5claim']);
});

describe('discovery', () => {
  test('finds incarnations and partitions, also where ids are prefixes of one another or sort around "/"', async () => {
    const { store, count } = memoryStore();
    const ids = ['A', 'A-', 'A0', 'AB', '_z', 'name:cluster:orders'];
    for (const topicId of ids)
      for (const partition of [0, 7, 12_000])
        for (let seq = 0n; seq < 5n; seq++) await store.put(chainEntryKey(topic, { topicId, partition }, seq), new Uint8Array(1));
    await store.put(chainStartKey(topic, 'A'), new Uint8Array(1));
    await store.put(`${topic}/2026/11/21/00/00/x.jsonl.zst`, new Uint8Array(1));
    expect(new Set(await discoverTopicIds(store, topic))).toEqual(new Set(ids));
    count.list = 0;
    expect(await discoverPartitions(store, topic, 'A')).toEqual([0, 7, 12_000]);
    expect(count.list).toBeLessThanOrEqual(5);
    expect(await discoverPartitions(store, topic, 'none')).toEqual([]);
  });
});

test('start.json gives first offsets; a partition not in it starts at 0', async () => {
  const { store } = memoryStore();
  expect(await readChainStart(store, topic, source.topicId)).toBeUndefined();
  const start = {
    format: 1 as const,
    topicId: source.topicId,
    topic,
    clusterId: 'c',
    startFrom: 'latest' as const,
    partitions: { '0': 2n ** 60n },
    attemptId: 'a',
    createdAt: 'now',
  };
  await store.put(chainStartKey(topic, source.topicId), encodeStored(chainStart, start));
  const read = await readChainStart(store, topic, source.topicId);
  expect(read && [startOffsetOf(read, 0), startOffsetOf(read, 1)]).toEqual([2n ** 60n, 0n]);
});
