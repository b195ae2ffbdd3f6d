import { followChain } from '@millrace/core/chain/entries.ts';
import { parseStored } from '@millrace/core/domain/chain.ts';
import { MillraceError } from '@millrace/core/domain/errors.ts';
import { flightMark } from '@millrace/core/domain/flight.ts';
import { flightMarkKey } from '@millrace/core/domain/keys.ts';
import { dataLossSuspected } from '@millrace/core/domain/losses.ts';
import { expect, test, vi } from 'vitest';
import { planPublication } from '../../src/dump/publish.ts';
import type { AloneAnswer, AloneRequest, AloneSettings, LoneReader } from '../../src/run/alone.ts';
import { Limit } from '../../src/run/limit.ts';
import { PartitionLanding } from '../../src/run/partition.ts';
import { range } from '../dump/ranges.ts';
import { FakeSource, landingContext } from './fakes.ts';

/** Kafka holds records `[0, end)`; those at `deadly` kill every lone reader that is given one. */
function world(end: number, ...deadly: number[]) {
  const asked: { offset: number; records: number }[] = [];
  const machine = { refusals: 0 };
  const open = (chain: { head: { nextOffset: bigint } }): LoneReader => {
    if (machine.refusals > 0) {
      machine.refusals--;
      throw new MillraceError('unavailable', 'lone_reader_not_started', 'no process to be had');
    }
    let next = Number(chain.head.nextOffset);
    return {
      close: () => undefined,
      async read({ recordsMax }: AloneRequest): Promise<AloneAnswer> {
        asked.push({ offset: next, records: recordsMax });
        const to = Math.min(end, next + recordsMax);
        if (next === end) return { status: 'nothing' };
        if (deadly.some((offset) => next <= offset && offset < to)) return { status: 'died', cause: 'it was too much' };
        const plan = planPublication([range(next, to)], { nextOffset: BigInt(next), leaderEpoch: 3 });
        next = to;
        const stored = { key: `orders/${next}`, bytes: 1, sha256: '0'.repeat(64) };
        return { status: 'read', plan, objects: plan.object === null ? [] : [{ ...stored, ...plan.object }], atEnd: to === end };
      },
    };
  };
  const made = landingContext({ alone: { atOnce: new Limit(1), bytesMax: 1e6, open } });
  made.cluster.lastStable = BigInt(end);
  const owner = () => {
    const source = new FakeSource();
    return { source, landing: new PartitionLanding({ topic: 'orders', partition: 0 }, made.context, source) };
  };
  /** An owner that is handed records and then is no more: nothing of it is heard again. */
  const dies = async () => {
    const { source } = owner();
    await vi.waitFor(() => expect(source.started).toHaveLength(1), 5_000);
    return source.started[0]?.offset;
  };
  const chain = { topicId: made.cluster.topicId, partition: 0 };
  const markOf = async (epoch: bigint) => {
    const bytes = await made.store.get(flightMarkKey('orders', chain, epoch));
    return bytes === undefined ? undefined : parseStored(flightMark, bytes, 'mark');
  };
  const entries = async () => (await Array.fromAsync(followChain(made.store, 'orders', chain))).filter(({ kind }) => kind !== 'claim');
  return { ...made, machine, asked, owner, dies, markOf, entries };
}

test('after three deaths records are landed alone, more and more at a time; then reading goes on with all others', async () => {
  const { dies, owner, asked, entries } = world(100);
  for (let death = 0; death < 3; death++) expect(await dies()).toBe(0n);
  const { source, landing } = owner();
  await vi.waitFor(() => expect(source.started).toHaveLength(1), 5_000);
  expect(source.started[0]?.offset).toBe(100n);
  expect(asked).toEqual([1, 2, 4, 8, 16, 32, 64].map((records) => ({ offset: records - 1, records })));
  expect((await entries()).map(({ endOffset }) => endOffset)).toEqual([1n, 3n, 7n, 15n, 31n, 63n, 100n]);
  landing.drop('released');
});

test('a machine that has no process to give is asked again, and no person', { timeout: 30_000 }, async () => {
  const { dies, owner, machine, asked } = world(10);
  for (let death = 0; death < 3; death++) await dies();
  machine.refusals = 2;
  const { source, landing } = owner();
  await vi.waitFor(() => expect(landing.view().reason).toContain('no process to be had'), 5_000);
  await vi.waitFor(() => expect(source.started).toHaveLength(1), 20_000);
  expect(asked[0]).toEqual({ offset: 0, records: 1 });
  expect(source.started[0]?.offset).toBe(10n);
  landing.drop('released');
});

test('a record that stays deadly alone stops its partition with its exact offset; the next owner stops without a try, a resume gives it one more', async () => {
  const { dies, owner, asked, entries, context } = world(100, 42);
  for (let death = 0; death < 3; death++) await dies();
  const { source, landing } = owner();
  await vi.waitFor(() => expect(landing.view().state).toBe('stopped'), 5_000);
  expect(landing.view()).toMatchObject({
    loss: { code: dataLossSuspected, kind: 'poison', startOffset: 42n, endOffset: 43n },
    reason: expect.stringContaining('--from 42 --to 43'),
  });
  expect((await entries()).at(-1)?.endOffset).toBe(42n);
  expect(source.started).toEqual([]);
  expect(asked.slice(-2)).toEqual([
    { offset: 42, records: 1 },
    { offset: 42, records: 1 },
  ]);
  await landing.release(1_000);

  asked.length = 0;
  const next = owner();
  await vi.waitFor(() => expect(next.landing.view().state).toBe('stopped'), 5_000);
  expect(asked).toEqual([]);
  next.landing.evaluateAgain();
  next.landing.tick(context.clock.monotonic(), 1);
  await vi.waitFor(() => expect(asked).toHaveLength(2), 5_000);
  await vi.waitFor(() => expect(next.landing.view().state).toBe('stopped'), 5_000);
});

/** A person's word that the record at `offset` may be left out. */
const without = (topicId: string, offset: number) => ({
  kind: 'gap' as const,
  id: `${offset}`,
  reason: 'a broken producer',
  by: null,
  decidedAt: '2026-01-01T00:00:00Z',
  topicId,
  partition: 0,
  loss: 'poison' as const,
  startOffset: `${offset}`,
  endOffset: `${offset + 1}`,
});

test('a loss that a person accepted becomes a gap, and reading goes on behind it: alone first, since deadly records come in runs', async () => {
  const { dies, owner, entries, context, cluster } = world(100, 0, 1);
  for (let death = 0; death < 3; death++) await dies();
  const { source, landing } = owner();
  for (const offset of [0, 1]) {
    await vi.waitFor(() => expect(landing.view()).toMatchObject({ state: 'stopped', loss: { startOffset: BigInt(offset) } }), 10_000);
    context.acceptances = () => [without(cluster.topicId, 0), without(cluster.topicId, offset)];
    landing.evaluateAgain();
    landing.tick(context.clock.monotonic(), 1);
  }
  await vi.waitFor(() => expect(source.started).toHaveLength(1), 10_000);
  expect(source.started[0]?.offset).toBe(100n);
  expect((await entries()).slice(0, 3)).toMatchObject([
    { kind: 'gap', endOffset: 1n, gaps: [{ cause: 'accepted_by_operator' }] },
    { kind: 'gap', endOffset: 2n, gaps: [{ cause: 'accepted_by_operator' }] },
    { kind: 'data', endOffset: 3n },
  ]);
  landing.drop('released');
});

test('a record that stopped its partition stops it under every later owner: nobody is handed it before a person decides', async () => {
  const { dies, owner, asked } = world(100, 0);
  for (let death = 0; death < 3; death++) await dies();
  for (let later = 0; later < 10; later++) {
    const { source, landing } = owner();
    await vi.waitFor(() => expect(landing.view().state).toBe('stopped'), 10_000);
    expect(source.started).toEqual([]);
    await landing.release(1_000);
  }
  expect(asked).toHaveLength(2);
});

test('a lone reader whose store refuses it is waited for, as for any other', async () => {
  const { dies, owner, context } = world(100);
  for (let death = 0; death < 3; death++) await dies();
  const { open } = context.alone as AloneSettings;
  let refused = 0;
  context.alone = {
    ...(context.alone as AloneSettings),
    open: (chain) => {
      const reader = open(chain);
      const refusal = new MillraceError('invalid', 'access_denied', 'the credentials have expired', {});
      return refused++ === 0 ? { ...reader, read: () => Promise.reject(refusal) } : reader;
    },
  };
  const { source, landing } = owner();
  await vi.waitFor(() => expect(source.started[0]?.offset).toBe(100n), 10_000);
  landing.drop('released');
});

test('owners that give the records back alive never count: a release, a lost assignment', async () => {
  const { owner, markOf, asked } = world(100);
  for (let epoch = 1n; epoch <= 6n; epoch++) {
    const { source, landing } = owner();
    await vi.waitFor(() => expect(source.started).toHaveLength(1), 5_000);
    if (epoch % 2n === 0n) landing.drop('lost');
    else await landing.release(1_000);
    await vi.waitFor(async () => expect((await markOf(epoch))?.state).toBe('released'), 5_000);
  }
  expect(asked).toEqual([]);
});

test('ten owners in a row die, each after some progress: none of them counts', async () => {
  const { owner, asked, entries } = world(100);
  for (let death = 0; death < 10; death++) {
    const { source, landing } = owner();
    await vi.waitFor(() => expect(source.started).toHaveLength(1), 5_000);
    landing.accept(range(death, death + 1, { arrivedAt: performance.now() }));
    landing.tick(performance.now() + 1_000, 1);
    await vi.waitFor(async () => expect((await entries()).at(-1)?.endOffset).toBe(BigInt(death + 1)), 5_000);
  }
  expect(asked).toEqual([]);
});

test('an end by an error is no clean release', async () => {
  const { owner, markOf } = world(100);
  const { source, landing } = owner();
  await vi.waitFor(() => expect(source.started).toHaveLength(1), 5_000);
  await landing.release(1_000, false);
  expect((await markOf(1n))?.state).toBe('flying');
});

test('a partition without a record is marked by nobody, and costs nothing', async () => {
  const { owner, markOf, store } = world(0);
  const { source, landing } = owner();
  await vi.waitFor(() => expect(source.started).toHaveLength(1), 5_000);
  await landing.release(1_000);
  expect(await markOf(1n)).toBeUndefined();
  expect((await store.list('orders/')).filter(({ key }) => key.includes('_flight'))).toEqual([]);
});
