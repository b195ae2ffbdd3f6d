import { expect, test } from 'vitest';
import type { ChainFollower } from '../../src/loop/chain-follower.ts';
import { LegLag } from '../../src/loop/leg-lag.ts';
import { emptyPartition } from '../../src/plan/ledger-sums.ts';

const source = { topicId: 't', partition: 0 };
const reported = (position: bigint, landed: bigint) => [
  { ...emptyPartition({ topic: 'orders', source, startOffset: 0n, seq: 0n }), position, landed },
];
/** A follower that holds one piece and has read up to `landed`. */
const follower = (landed: bigint, landedAt: number, firstTimestamp: number, atEnd: string[] = []) => {
  const object = { key: 'k', bytes: 1, linesBytes: 1, sha256: '', recordCount: 1, startOffset: 0n, endOffset: 1n, lastTimestamp: null };
  const piece = { source, seq: 1n, startOffset: 0n, endOffset: 1n, object: { ...object, firstTimestamp }, gaps: [], seenAt: 0, landedAt };
  return {
    landed: () => new Map([['t/0', landed]]),
    pending: () => [[piece]],
    stops: () => [],
    atEnd: () => atEnd,
  } as unknown as ChainFollower;
};

test('nothing is behind before anything was seen', () => {
  expect(new LegLag().at([], 1_000)).toEqual({ offsets: 0n, landedSeconds: 0, recordSeconds: 0 });
});

test('what was seen last goes on ageing while a leg that failed has not looked again', () => {
  const lag = new LegLag();
  lag.looked(follower(10n, 5_000, 2_000));
  // the leg begins anew and reports its position as all there is
  expect(lag.at(reported(4n, 4n), 65_000)).toEqual({ offsets: 6n, landedSeconds: 60, recordSeconds: 63 });
});

test('an end that was announced counts, though reading ahead has not come so far; an older one does not', () => {
  const lag = new LegLag();
  const news = (endOffset: bigint) => ({ format: 1 as const, topic: 'orders', ...source, seq: 9n, endOffset });
  lag.announced(news(100n));
  lag.announced(news(50n));
  expect(lag.at(reported(4n, 10n), 0).offsets).toBe(96n);
  expect(lag.at(reported(100n, 100n), 0).offsets).toBe(0n);
});

test('an end that was announced and that the chain does not have counts until the chain was read to its end', () => {
  const lag = new LegLag();
  lag.announced({ format: 1, topic: 'orders', ...source, seq: 9n, endOffset: 100n });
  lag.looked(follower(10n, 0, 0));
  expect(lag.at(reported(4n, 10n), 0).offsets).toBe(96n);
  lag.looked(follower(10n, 0, 0, ['t/0']));
  expect(lag.at(reported(4n, 10n), 0).offsets).toBe(6n);
});
