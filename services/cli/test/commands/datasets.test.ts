import { expect, test } from 'vitest';
import { statusText } from '../../src/commands/datasets.ts';
import { silentCli } from '../terminal.ts';

const status = { name: 'd', state: 'RUNNING' as const, reason: null, lastCommit: null, nextAction: null };
const partition = { topicId: 't', partition: 0, landed: 10n, committed: 4n, end: 12n, lagRecords: 8 };

test('the seconds of a status say what they are, and are left out when nothing waits', () => {
  const waits = statusText(silentCli, { ...status, lagSeconds: 306, partitions: [partition] });
  expect(waits).toContain('everything Kafka got up to 306 s ago is in the table');
  expect(waits).not.toContain('lag 306');
  for (const lagSeconds of [0, null])
    expect(
      statusText(silentCli, { ...status, lagSeconds, partitions: [] })
        .split('\n')
        .slice(0, 2),
    ).toEqual(['d: RUNNING', 'last commit: none']);
  expect(statusText(silentCli, { ...status, lagSeconds: null, partitions: [{ ...partition, end: null, lagRecords: null }] })).toMatch(
    /4 +- +-$/,
  );
});
