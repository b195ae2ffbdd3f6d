import { systemClock } from '@millrace/core/adapters/system/clock.ts';
import { memoryStore } from '@millrace/core/testing/memory-store.ts';
import { describe, expect, it } from 'vitest';
import { ChainFollower } from '../../src/loop/chain-follower.ts';
import { HandChain } from './hand-chain.ts';

const topicId = 'topicAAAAAAAAAAAAAAAAA';
const source = { topicId, partition: 0 };
const signal = new AbortController().signal;

/** A follower of one chain with 40 entries of one record each, that may hold `entriesMax` of them. */
async function follower(entriesMax: number) {
  const { store } = memoryStore();
  const chain = new HandChain(store, 't', topicId, 0);
  await chain.claim();
  for (let entry = 0; entry < 40; entry++) await chain.data(['{"a":1}']);
  const bytes = 74;
  const follow = new ChainFollower(store, 't', systemClock, bytes * entriesMax);
  follow.follow({ source, position: 0n, seq: 0n });
  const read = async () => {
    await follow.poll(signal, true);
    return follow.pending().flat().length;
  };
  return { follow, read };
}

describe('a chain follower reads ahead only as far as there is room', () => {
  it('what is taken makes room', async () => {
    const { follow, read } = await follower(5);
    const held = await read();
    expect(held).toBeGreaterThan(0);
    expect(held).toBeLessThan(40);
    expect(await read()).toBe(held);
    follow.taken(follow.pending().flat().slice(0, 2));
    expect(await read()).toBe(held);
    expect(follow.pending()[0]?.[0]?.startOffset).toBe(2n);
  });

  it('a position that others moved makes room, inside what was read and beyond it', async () => {
    const { follow, read } = await follower(5);
    const held = await read();
    follow.moveTo({ source, position: 3n, seq: 4n });
    expect(follow.pending().flat()).toHaveLength(held - 3);
    expect(await read()).toBe(held);
    follow.moveTo({ source, position: 30n, seq: 31n });
    expect(await read()).toBe(held);
    expect(follow.pending()[0]?.[0]?.startOffset).toBe(30n);
    follow.moveTo({ source, position: 38n, seq: 39n });
    expect(await read()).toBe(2);
  });
});
