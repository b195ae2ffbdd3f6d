import { systemClock } from '@millrace/core/adapters/system/clock.ts';
import type { Clock } from '@millrace/core/ports/clock.ts';
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

/** A follower of one chain under a hand-moved clock, and the entries it asked for. */
async function told() {
  const { store } = memoryStore();
  const chain = new HandChain(store, 't', topicId, 0);
  await chain.claim();
  const clock: Clock & { at: number } = { at: 0, now: () => 0, monotonic: () => clock.at, sleep: async () => {} };
  const asked: string[] = [];
  const watched = Object.create(store, {
    get: { value: (...args: Parameters<typeof store.get>) => asked.push(args[0]) && store.get(...args) },
  }) as typeof store;
  const follow = new ChainFollower(watched, 't', clock, 2 ** 30, 30_000);
  follow.follow({ source, position: 0n, seq: 0n });
  /** polls whenever there is something to look at, for so long */
  const during = async (ms: number) => {
    for (const until = clock.at + ms; ; clock.at = Math.min(until, Math.max(clock.at + 1, follow.nextLookAt()))) {
      await follow.discover(async () => undefined, signal);
      await follow.poll(signal);
      if (clock.at >= until) break;
    }
    return asked.splice(0).filter((key) => key.endsWith('.json')).length;
  };
  return { chain, follow, during, landed: () => follow.landed().get(`${topicId}/0`) };
}

describe('a chain follower whose entries are announced', () => {
  it('asks for what was announced at once and once, and else looks slowly', async () => {
    const { chain, follow, during, landed } = await told();
    expect(await during(60_000)).toBeGreaterThan(25);
    await chain.data(['{"a":1}']);
    expect(follow.announced(source, 1n)).toBe(true);
    expect(await during(0)).toBe(1);
    expect(landed()).toBe(1n);
    expect(follow.announced(source, 1n)).toBe(false);
    await during(2_000);
    expect(await during(60_000)).toBeLessThanOrEqual(3);
  });

  it('finds by its slow look what was not announced, and looks often again until announcements come', async () => {
    const { chain, follow, during, landed } = await told();
    await during(3_000);
    await chain.data(['{"a":1}']);
    follow.announced(source, 1n);
    await during(2_500);
    await chain.data(['{"a":1}']);
    await during(20_000);
    expect(landed()).toBe(1n);
    await during(10_000);
    expect(landed()).toBe(2n);
    expect(await during(60_000)).toBeGreaterThan(25);
    follow.announced(source, 2n);
    await during(2_500);
    expect(await during(60_000)).toBeLessThanOrEqual(3);
  });

  it('what was announced and is not there counts as done once it was looked for, and again as awaited when it is announced anew', async () => {
    const { chain, follow, during } = await told();
    await during(3_000);
    expect(follow.atEnd()).toEqual([`${topicId}/0`]);
    expect(follow.announced(source, 1n)).toBe(true);
    expect([follow.atEnd(), follow.hasTaken(source, 1n)]).toEqual([[], false]);
    await during(0);
    expect([follow.atEnd(), follow.hasTaken(source, 1n)]).toEqual([[`${topicId}/0`], true]);
    await chain.data(['{"a":1}']);
    follow.announced(source, 1n);
    await during(0);
    expect(follow.hasTaken(source, 1n)).toBe(false);
    follow.taken(follow.pending().flat());
    expect(follow.hasTaken(source, 1n)).toBe(true);
  });

  it('looks for a chain it does not know when one is announced', async () => {
    const { follow } = await told();
    await follow.discover(async () => undefined, signal);
    expect(follow.nextLookAt()).toBe(0);
    await follow.poll(signal);
    expect(follow.nextLookAt()).toBeGreaterThan(0);
    expect(follow.announced({ topicId, partition: 7 }, 0n)).toBe(true);
    expect(follow.nextLookAt()).toBe(0);
  });
});
