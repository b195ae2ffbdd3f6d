import { startOffsetOf } from '@millrace/core/domain/chain-rules.ts';
import { describe, expect, test } from 'vitest';
import { earliestWish, planStart, startNotice, wishFor } from '../../src/dump/start.ts';

const offsets = new Map([
  [0, { earliest: 10n, lastStable: 50n }],
  [1, { earliest: 0n, lastStable: 0n }],
]);
const known = { otherIncarnations: false, topicWasMissing: false };
const plan = (wish: 'earliest' | 'latest', seen = known) =>
  planStart({ topic: 'orders', topicId: 't', clusterId: 'c', wish, seen, offsets, attemptId: 'a', nowMs: 0 });

describe('first offsets', () => {
  test('earliest is what Kafka keeps, latest its last stable offset; later partitions start at 0', () => {
    expect([0, 1, 2].map((partition) => startOffsetOf(plan('earliest'), partition))).toEqual([10n, 0n, 0n]);
    expect([0, 1, 2].map((partition) => startOffsetOf(plan('latest'), partition))).toEqual([50n, 0n, 0n]);
  });

  test('the earliest wish of all datasets of the topic decides', () => {
    const datasets = [
      { kafkaTopic: 'orders', startFrom: 'latest' as const },
      { kafkaTopic: 'other', startFrom: 'earliest' as const },
    ];
    expect(earliestWish(datasets, 'orders')).toBe('latest');
    expect(earliestWish([...datasets, { kafkaTopic: 'orders', startFrom: 'earliest' }], 'orders')).toBe('earliest');
    expect(earliestWish(datasets, 'nobody-reads-it')).toBeNull();
  });

  test('latest means the end when the wish was made: an incarnation that came later is read from its beginning', () => {
    expect(wishFor('latest', { otherIncarnations: false, topicWasMissing: false })).toBe('latest');
    expect(wishFor('latest', { otherIncarnations: true, topicWasMissing: false })).toBe('earliest');
    expect(wishFor('latest', { otherIncarnations: false, topicWasMissing: true })).toBe('earliest');
  });

  test('where landing begins at earliest, what latest would have been is noted, unless all that is there came since', () => {
    expect(plan('earliest').latest).toEqual({ 0: 50n, 1: 0n });
    expect(plan('latest').latest).toBeUndefined();
    for (const wish of ['earliest', 'latest'] as const)
      for (const seen of [
        { ...known, otherIncarnations: true },
        { ...known, topicWasMissing: true },
      ])
        expect(plan(wish, seen)).toMatchObject({ startFrom: 'earliest', partitions: { 0: 10n, 1: 0n } });
    expect(plan('latest', { ...known, topicWasMissing: true })).not.toHaveProperty('latest');
  });

  test('a dataset that wants records from before the chain is told the missing range', () => {
    expect(startNotice(0, plan('earliest'), 10n, 'earliest', 10n)).toBeNull();
    expect(startNotice(0, plan('latest'), 50n, 'latest', 10n)).toBe('partition 0 starts at 50 by startFrom latest');
    expect(startNotice(0, plan('latest'), 50n, 'earliest', 10n)).toContain('[10, 50)');
  });
});
