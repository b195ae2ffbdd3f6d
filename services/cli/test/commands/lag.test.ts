import { expect, test } from 'vitest';
import { lagRows } from '../../src/commands/lag.ts';

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
