import { describe, expect, test } from 'vitest';
import { judgeIdentity, splitByProof } from '../../src/dump/identity.ts';
import { range } from './ranges.ts';

const known = { clusterId: 'c', topicId: 'old', confirmedAt: 100 };
const answer = (topicId: string | null, clusterId: string | null = 'c') => ({
  clusterId,
  topicId,
  partitionExists: topicId !== null,
  requestedAt: 150,
  leaderEpoch: 0,
});

describe('R1 recreation: what the leader says', () => {
  test('the same id proves what arrived before the question was sent', () => {
    expect(judgeIdentity(known, answer('old'))).toEqual({ verdict: 'same', confirmedAt: 150 });
    expect(judgeIdentity({ ...known, confirmedAt: 200 }, answer('old'))).toEqual({ verdict: 'same', confirmedAt: 200 });
  });

  test('a missing topic is a wait; only another id ends the old chain', () => {
    expect(judgeIdentity(known, answer(null))).toEqual({ verdict: 'missing' });
    expect(judgeIdentity(known, answer('new'))).toEqual({ verdict: 'recreated', topicId: 'new' });
  });

  test('brokers of another cluster are another source, whatever the id', () => {
    expect(judgeIdentity(known, answer('old', 'swapped'))).toEqual({ verdict: 'other_cluster', clusterId: 'swapped' });
    expect(judgeIdentity(known, answer(null, 'swapped'))).toEqual({ verdict: 'other_cluster', clusterId: 'swapped' });
  });
});

describe('a cluster that cannot be told', () => {
  test('goes with every cluster; the topic id still tells incarnations apart', () => {
    expect(judgeIdentity(known, answer('old', null))).toEqual({ verdict: 'same', confirmedAt: 150 });
    expect(judgeIdentity({ ...known, clusterId: null }, answer('old', 'c'))).toEqual({ verdict: 'same', confirmedAt: 150 });
    expect(judgeIdentity({ ...known, clusterId: null }, answer('new', null))).toEqual({ verdict: 'recreated', topicId: 'new' });
  });
});

describe('R1 recreation: which records are proven', () => {
  const ranges = [
    range(0, 5, { arrivedAt: 90 }),
    range(5, 8, { arrivedAt: 99 }),
    range(8, 9, { arrivedAt: 100 }),
    range(9, 12, { arrivedAt: 99 }),
  ];

  test('those that arrived before the request of the last answer with the old id; never one behind an unproven one', () => {
    const { proven, unproven } = splitByProof(ranges, 100);
    expect(proven.map(({ endOffset }) => endOffset)).toEqual([5n, 8n]);
    expect(unproven.map(({ endOffset }) => endOffset)).toEqual([9n, 12n]);
  });

  test('all, or none', () => {
    expect(splitByProof(ranges, 101).unproven).toEqual([]);
    expect(splitByProof(ranges, 90).proven).toEqual([]);
  });
});
