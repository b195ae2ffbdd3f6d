import { expect, test } from 'vitest';
import { lagRows } from '../../src/commands/lag.ts';
import { silenceSentence, withKnownEnds } from '../../src/status/known-ends.ts';

test('both legs of a partition have a lag of their own; what is not known stays unknown', () => {
  const partition = { topicId: 't', partition: 0, landed: 10n, committed: 4n, end: 12n, lagRecords: 8 };
  const status = { name: 'd', state: 'RUNNING' as const, reason: null, lagSeconds: null, lastCommit: null, nextAction: null };
  const rows = lagRows('millrace', { name: 'd', kafkaTopic: 'k' }, { ...status, partitions: [partition, { ...partition, end: null }] });
  expect(rows.map(({ group, leg, lag }) => [group, leg, lag])).toEqual([
    ['millrace-landing', 'landing', 2n],
    ['millrace-landing', 'landing', null],
    ['millrace-table', 'table', 6n],
    ['millrace-table', 'table', 6n],
  ]);
});

test('while phase 1 is silent nobody knows where Kafka ends: no lag of landing is shown, and no 0', () => {
  const partition = { topicId: 't', partition: 0, landed: 10n, committed: 10n, end: 10n, lagRecords: 0 };
  const status = { name: 'd', state: 'RUNNING' as const, reason: null, lagSeconds: 0, lastCommit: null, nextAction: null };
  const landingSilentSince = '2026-11-21T12:00:00.000Z';
  const silent = { ...status, partitions: [partition], landingSilentSince };
  expect(lagRows('millrace', { name: 'd', kafkaTopic: 'k' }, silent)).toMatchObject([
    { leg: 'landing', currentOffset: 10n, logEndOffset: null, lag: null, landingSilentSince },
    { leg: 'table', currentOffset: 10n, logEndOffset: 10n, lag: 0n, landingSilentSince: undefined },
  ]);
  expect(withKnownEnds(silent)).toMatchObject({ lagSeconds: null, partitions: [{ landed: 10n, end: null, lagRecords: null }] });
  expect(withKnownEnds({ ...silent, lagSeconds: 3 }).lagSeconds).toBe(3);
  expect(withKnownEnds({ ...status, partitions: [partition] }).partitions).toEqual([partition]);
});

test('the silence is told with its time and what to look at', () => {
  const since = '2026-11-21T12:00:00.000Z';
  expect(silenceSentence([{ name: 'd' }])).toBeUndefined();
  expect(silenceSentence([{ name: 'c' }, { name: 'd', landingSilentSince: since }])).toMatch(
    /since 2026-11-21T12:00:00\.000Z \(d\).*millrace doctor/,
  );
  const many = Array.from({ length: 7 }, (_, n) => ({ name: `d${n}`, landingSilentSince: since }));
  expect(silenceSentence(many)).toContain('(d4) and 2 more');
});
