import { expect, test } from 'vitest';
import type { PendingPiece } from '../../src/plan/batches.ts';
import { commitCounts } from '../../src/plan/commit-facts.ts';
import { emptyPartition } from '../../src/plan/ledger-sums.ts';
import { oldestWaiting } from '../../src/plan/waiting.ts';

const source = { topicId: 't', partition: 0 };
const empty = emptyPartition({ topic: 'orders', source, startOffset: 0n, seq: 0n });

function piece(firstTimestamp: number | null, lastTimestamp: number | null, more: Partial<PendingPiece> = {}): PendingPiece {
  const object = { key: 'k', bytes: 1, linesBytes: 1, sha256: '', recordCount: 1, startOffset: 0n, endOffset: 1n };
  return {
    source,
    seq: 1n,
    startOffset: 0n,
    endOffset: 1n,
    object: { ...object, firstTimestamp, lastTimestamp },
    gaps: [],
    seenAt: 0,
    ...more,
  };
}

test('a commit did what its ledger has more than the one before, reason by reason and rule by rule', () => {
  const before = { ...empty, committed: 5n, quarantined: { not_json: 1n }, dropped: { tombstone: 2n } };
  const after = { ...empty, committed: 9n, quarantined: { not_json: 1n, key_missing: 3n }, dropped: { tombstone: 4n } };
  const fresh = { ...empty, partition: 1, committed: 7n };
  const pieces = [piece(null, null), piece(null, null, { source: { ...source, partition: 1 } })];
  expect(commitCounts([before], [after, fresh], pieces)).toEqual({
    committed: 11n,
    quarantined: { key_missing: 3n },
    dropped: { tombstone: 2n },
    oldestTimestamp: null,
    newestTimestamp: null,
  });
});

test('what another worker committed of other partitions between the two ledgers is not counted again', () => {
  const after = { ...empty, committed: 4n };
  const others = { ...empty, partition: 1, committed: 7n, quarantined: { not_json: 2n }, dropped: { tombstone: 1n } };
  expect(commitCounts([empty], [after, others], [piece(null, null)])).toMatchObject({ committed: 4n, quarantined: {}, dropped: {} });
});

test('its records are as old as Kafka’s timestamps say, those without one apart', () => {
  const pieces = [piece(50, 70), piece(null, null), piece(20, 60), { ...piece(1, 99), object: undefined }];
  expect(commitCounts([], [], pieces)).toMatchObject({ oldestTimestamp: 20, newestTimestamp: 70 });
});

test('what waits longest is the first of each chain; a piece without records has landed, but holds no record', () => {
  expect(oldestWaiting([])).toEqual({ landedAt: undefined, timestamp: undefined });
  const hole = { ...piece(1, 1, { landedAt: 300 }), object: undefined };
  expect(oldestWaiting([[hole, piece(40, 50, { landedAt: 400 })], [piece(45, 45, { landedAt: 350 })], []])).toEqual({
    landedAt: 300,
    timestamp: 40,
  });
  expect(oldestWaiting([[piece(null, null, { landedAt: Number.NaN })]])).toEqual({ landedAt: undefined, timestamp: undefined });
});
