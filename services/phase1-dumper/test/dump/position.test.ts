import { describe, expect, test } from 'vitest';
import { afterLostClaim, reclaimDelayMs } from '../../src/dump/claim.ts';
import { checkPosition, endBelowGraceMs, leaderEpochFell, overrunGraceMs } from '../../src/dump/position.ts';
import { pollRecords, pollRecordsMax, pollRecordsMin, sealBytesUnder, shouldPause } from '../../src/dump/pressure.ts';

const kept = { earliest: 100n, lastStable: 200n };

describe('position against what Kafka keeps', () => {
  test.each([100n, 150n, 200n])('%s can be read', (next) => {
    expect(checkPosition(next, kept, false, null, 0)).toEqual({ verdict: 'read', suspicion: null });
  });

  test('retention overran us: stop with the exact missing range', () => {
    expect(checkPosition(60n, kept, false, null, 0)).toMatchObject({ verdict: 'stop', reason: expect.stringContaining('[60, 100)') });
  });

  test('while reading, fetched records may still come: only an overrun without progress stops', () => {
    const seen = checkPosition(60n, kept, true, null, 1000);
    expect(seen.verdict).toBe('read');
    if (seen.verdict === 'stop') return;
    expect(checkPosition(60n, kept, true, seen.suspicion, 1000 + overrunGraceMs - 1).verdict).toBe('read');
    expect(checkPosition(60n, kept, true, seen.suspicion, 1000 + overrunGraceMs).verdict).toBe('stop');
    expect(checkPosition(70n, kept, true, seen.suspicion, 1000 + overrunGraceMs).verdict).toBe('read');
  });

  test('an end below our next offset stops only when it stays so for 30 s', () => {
    const seen = checkPosition(201n, kept, false, null, 0);
    expect(seen).toMatchObject({ verdict: 'wait' });
    if (seen.verdict === 'stop') return;
    expect(checkPosition(201n, kept, false, seen.suspicion, endBelowGraceMs - 1).verdict).toBe('wait');
    expect(checkPosition(201n, kept, false, seen.suspicion, endBelowGraceMs)).toMatchObject({
      verdict: 'stop',
      reason: expect.stringContaining('[200, 201)'),
    });
    expect(checkPosition(201n, { ...kept, lastStable: 201n }, false, seen.suspicion, endBelowGraceMs)).toEqual({
      verdict: 'read',
      suspicion: null,
    });
  });

  test('a leader epoch that falls stops, one that rises or is unknown does not', () => {
    expect(leaderEpochFell(5, 4, 9n)).toContain('from 5 to 4');
    for (const [known, arrived] of [
      [5, 5],
      [5, 6],
      [null, 1],
      [5, null],
    ] as const)
      expect(leaderEpochFell(known, arrived, 9n)).toBeNull();
  });
});

describe('fencing', () => {
  const entry = {
    format: 1 as const,
    seq: 1n,
    attemptId: 'a',
    epoch: 2n,
    source: { clusterId: 'c', topicId: 't', topic: 'o', partition: 0 },
    startOffset: 0n,
    endOffset: 0n,
    leaderEpoch: null,
    writer: 'w',
    createdAt: '',
  };

  test("losing to a claim is being fenced, losing to the former owner's last publication is not", () => {
    expect(afterLostClaim({ kind: 'claim', ...entry })).toBe('fenced');
    expect(afterLostClaim({ kind: 'data', ...entry, objects: [], gaps: [] })).toBe('again');
  });

  test('a fenced worker waits a session timeout, then longer and longer within a bound', () => {
    expect([1, 2, 3, 9].map((fencings) => reclaimDelayMs(1000, fencings, 0))).toEqual([1000, 2000, 4000, 16_000]);
    expect(reclaimDelayMs(1000, 1, 1)).toBe(1250);
  });
});

describe('pressure', () => {
  test('fetching stops near the budget and goes on well below it', () => {
    expect(shouldPause(79, 100, false)).toBe(false);
    expect(shouldPause(80, 100, false)).toBe(true);
    expect(shouldPause(60, 100, true)).toBe(true);
    expect(shouldPause(49, 100, true)).toBe(false);
  });

  test('polls shrink with the room left and the size of records, within bounds', () => {
    expect(pollRecords(0, 2 ** 28, 300)).toBe(pollRecordsMax);
    expect(pollRecords(0, 2 ** 28, 2 ** 16)).toBe(64);
    expect(pollRecords(0, 2 ** 28, 2 ** 20)).toBe(pollRecordsMin);
    expect(pollRecords(2 ** 28, 2 ** 28, 300)).toBe(pollRecordsMin);
    expect(pollRecords(0, 2 ** 28, 0)).toBeLessThanOrEqual(200);
  });

  test('while paused, the larger half of many small buffers is sealed early', () => {
    expect(sealBytesUnder(false, 1000, 10, 500)).toBe(500);
    expect(sealBytesUnder(true, 1000, 10, 500)).toBe(50);
    expect(sealBytesUnder(true, 1000, 1, 100)).toBe(100);
  });
});
