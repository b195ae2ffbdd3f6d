import { describe, expect, it } from 'vitest';
import { datasetStatus as schema } from '../../src/api/status.ts';
import { datasetStatus } from '../../src/view/status.ts';
import { facts, formerTopicId, inTable, landed, landing, now, report, topicId } from './facts.ts';

const table = (changes: Parameters<typeof report>[0]) => ({ report: report(changes), reportedAt: now });

describe('the status', () => {
  it('has exactly the promised members, offsets as decimal strings', () => {
    expect(JSON.parse(JSON.stringify(schema.encode(datasetStatus(facts(), now))))).toEqual({
      name: 'orders',
      state: 'RUNNING',
      reason: null,
      partitions: [{ topicId, partition: 0, landed: '100', committed: '80', end: '120', lagRecords: 40 }],
      lagSeconds: 2.5,
      lastCommit: { version: '4', at: '2026-11-21T11:59:58.000Z', records: '20', attemptId: 'x' },
      nextAction: null,
    });
  });

  it('tells since when nobody says where Kafka ends', () => {
    const late = now + 16_000;
    expect(datasetStatus(facts(), now + 14_000)).not.toHaveProperty('landingSilentSince');
    expect(datasetStatus(facts(), late).landingSilentSince).toBe(new Date(now).toISOString());
    expect(datasetStatus(facts({ landing: undefined }), late).landingSilentSince).toBe(facts().dataset.createdAt);
  });

  it('rounds no offset beyond 2^53', () => {
    const big = 2n ** 53n + 1n;
    const status = datasetStatus(facts({ landing: landing({ partitions: [landed({ landed: big, end: big })] }) }), now);
    expect(schema.encode(status).partitions[0]).toMatchObject({ landed: '9007199254740993', end: '9007199254740993' });
  });

  it('has no lag in seconds when nothing is pending', () => {
    const done = facts({
      landing: landing({ partitions: [landed({ end: 100n })] }),
      table: table({ partitions: [inTable({ position: 100n })], committedTimestamp: null }),
    });
    expect(datasetStatus(done, now)).toMatchObject({ lagSeconds: 0, partitions: [{ lagRecords: 0 }] });
  });

  it('does not guess a lag it cannot know', () => {
    expect(datasetStatus(facts({ table: table({ committedTimestamp: null }) }), now).lagSeconds).toBeNull();
    const unknownEnd = facts({
      landing: landing({ partitions: [landed({ landed: 80n, end: null })] }),
      table: table({ partitions: [inTable({ landed: 80n })] }),
    });
    expect(datasetStatus(unknownEnd, now)).toMatchObject({ lagSeconds: null, partitions: [{ end: null, lagRecords: null }] });
    expect(datasetStatus(facts({ landing: undefined, table: undefined }), now)).toMatchObject({ lagSeconds: null, partitions: [] });
  });

  it('takes the further landed end of two reports, and never an end before it', () => {
    const ahead = facts({ table: table({ partitions: [inTable({ landed: 130n, position: 130n })] }) });
    expect(datasetStatus(ahead, now).partitions).toEqual([
      { topicId, partition: 0, landed: 130n, committed: 130n, end: 130n, lagRecords: 0 },
    ]);
  });

  it('begins at the chain start while the table has not begun', () => {
    const early = facts({ landing: landing({ partitions: [landed({ chainStart: 60n })] }), table: undefined });
    expect(datasetStatus(early, now).partitions[0]).toMatchObject({ committed: 60n, lagRecords: 60 });
  });

  it('shows the incarnation that exists first, and ends a former one where it landed', () => {
    const former = landed({ topicId: formerTopicId, landed: 50n, end: 70n });
    const both = facts({
      landing: landing({ partitions: [former, landed({ partition: 1 }), landed()] }),
      table: table({ partitions: [inTable({ topicId: formerTopicId, position: 50n, landed: 50n })] }),
    });
    expect(
      datasetStatus(both, now).partitions.map(({ topicId: id, partition, end, lagRecords }) => [id, partition, end, lagRecords]),
    ).toEqual([
      [topicId, 0, 120n, 120],
      [topicId, 1, 120n, 120],
      [formerTopicId, 0, 50n, 0],
    ]);
  });
});
