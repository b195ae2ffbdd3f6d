import type { TableReport } from '@millrace/core/domain/reports.ts';
import { describe, expect, it } from 'vitest';
import { pauseIntent, resumeIntent } from '../../src/view/decide.ts';
import { dataset, facts, inTable, landed, landing, now, report, topicId } from './facts.ts';

const key = (partition: number) => `${topicId}/${partition}`;
const block = { schemaVersion: 3, changes: [{ path: 'amount', types: ['string'] }], firstOffsets: { [key(0)]: 85n } };
const blocked = (changes: Partial<TableReport> = {}, reportedAt = now) => ({
  report: report({ state: 'BLOCKED', reason: 'amount', block, ...changes }),
  reportedAt,
});
const decided = { id: 'd1', now: now + 1_000 };

describe('pausing and resuming', () => {
  it('pauses once', () => {
    expect(pauseIntent(facts())).toEqual({ paused: true, resumeCount: 0, decisions: [] });
    expect(pauseIntent(facts({ dataset: dataset({ paused: true }) }))).toBeUndefined();
  });

  it('counts every resume, so that a blocked worker evaluates again', () => {
    expect(resumeIntent(facts({ dataset: dataset({ resumeCount: 4 }) }), undefined, decided)).toEqual({
      paused: false,
      resumeCount: 5,
      decisions: [],
    });
  });
});

describe('R7 decision on a block', () => {
  it('R7 stores path, types and [first offending offset, landed end now)', () => {
    const intent = resumeIntent(facts({ table: blocked() }), 'quarantine', decided);
    expect(intent).toEqual({
      paused: false,
      resumeCount: 1,
      decisions: [
        {
          id: 'd1',
          breaking: 'quarantine',
          changes: block.changes,
          ranges: { [key(0)]: { startOffset: '85', endOffset: '100' } },
          decidedAt: '2026-11-21T12:00:01.000Z',
        },
      ],
    });
  });

  it('R7 takes the further landed end of both reports', () => {
    const partitions = [inTable({ landed: 150n })];
    expect(resumeIntent(facts({ table: blocked({ partitions }) }), 'quarantine', decided).decisions[0]?.ranges).toEqual({
      [key(0)]: { startOffset: '85', endOffset: '150' },
    });
  });

  it('R7 covers at least the offending record when no report tells a landed end beyond it', () => {
    expect(
      resumeIntent(facts({ landing: undefined, table: blocked({ partitions: [] }) }), 'quarantine', decided).decisions[0]?.ranges,
    ).toEqual({ [key(0)]: { startOffset: '85', endOffset: '86' } });
  });

  it('R7 begins at the position where nothing offended yet, and leaves out partitions with nothing landed beyond it', () => {
    const partitions = [
      inTable(),
      inTable({ partition: 1, position: 40n, landed: 60n }),
      inTable({ partition: 2, position: 9n, landed: 9n }),
    ];
    const waiting = landing({ partitions: [landed(), landed({ partition: 3, chainStart: 5n, landed: 8n })] });
    expect(resumeIntent(facts({ landing: waiting, table: blocked({ partitions }) }), 'quarantine', decided).decisions[0]?.ranges).toEqual({
      [key(0)]: { startOffset: '85', endOffset: '100' },
      [key(1)]: { startOffset: '40', endOffset: '60' },
      [key(3)]: { startOffset: '5', endOffset: '8' },
    });
  });

  it('R7 decides a block once, however often it is asked, until a worker has reported again', () => {
    const first = resumeIntent(facts({ table: blocked() }), 'quarantine', decided);
    const again = resumeIntent(facts({ dataset: dataset(first), table: blocked() }), 'quarantine', { id: 'd2', now: now + 2_000 });
    expect(again).toEqual({ ...first, resumeCount: 2 });
    const later = resumeIntent(facts({ dataset: dataset(first), table: blocked({}, now + 5_000) }), 'quarantine', {
      id: 'd2',
      now: now + 6_000,
    });
    expect(later.decisions.map((decision) => decision.id)).toEqual(['d1', 'd2']);
  });

  it.each([
    ['nobody reported', undefined],
    ['the dataset runs', { report: report(), reportedAt: now }],
    ['the block is not of the schema', blocked({ block: null })],
  ])('R7 refuses to decide when %s', (_why, table) => {
    expect(() => resumeIntent(facts({ table }), 'quarantine', decided)).toThrow(
      expect.objectContaining({ kind: 'conflict', code: 'no_schema_block' }),
    );
  });
});
