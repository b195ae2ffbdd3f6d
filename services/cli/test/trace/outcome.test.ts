import type { ChainEntry } from '@millrace/core/domain/chain.ts';
import type { DatasetStatus } from '@millrace/metastore/client/client.ts';
import { expect, test } from 'vitest';
import { isAccountedFor, judge } from '../../src/trace/outcome.ts';

const source = { topicId: 't', partition: 0 };
const tail = { seq: 3n, endOffset: 10n, createdAt: '2026-11-21T12:00:00.000Z' } as ChainEntry;
const notLanded = { kind: 'not_landed', tail } as const;
const told = (partition: Partial<DatasetStatus['partitions'][number]> = {}, more: Partial<DatasetStatus> = {}): DatasetStatus => ({
  name: 'd',
  state: 'RUNNING',
  reason: null,
  partitions: [{ ...source, landed: 10n, committed: 10n, end: 12n, lagRecords: 2, ...partition }],
  lagSeconds: null,
  lastCommit: null,
  nextAction: null,
  ...more,
});

test('an offset that Kafka holds is not landed yet; one at or behind its end is no record', () => {
  const at = (offset: bigint, status?: DatasetStatus) => judge(source, offset, notLanded, undefined, status);
  expect(at(11n, told()).outcome).toBe('not_landed');
  expect(at(12n, told())).toMatchObject({ outcome: 'no_such_record', why: expect.stringContaining('Kafka ends at 12') });
  expect(isAccountedFor('no_such_record')).toBe(false);
  for (const unknown of [undefined, told({ end: null })]) expect(at(99n, unknown).outcome).toBe('not_landed');
  const heldBack = { startOffset: 12n, endOffset: 20n, producerId: null };
  expect(at(19n, told({ heldBack }))).toMatchObject({ outcome: 'not_landed', why: expect.stringContaining('a transaction open') });
  expect(at(20n, told({ heldBack }))).toMatchObject({ outcome: 'no_such_record', why: expect.stringContaining('Kafka ends at 20') });
});

test('an end that was told long ago is called that', () => {
  const silent = told({}, { landingSilentSince: '2026-11-21T11:00:00.000Z' });
  expect(judge(source, 12n, notLanded, undefined, silent)).toMatchObject({
    outcome: 'no_such_record',
    why: expect.stringContaining('when a worker last told, at 2026-11-21T11:00:00.000Z, Kafka ended at 12'),
  });
  expect(judge(source, 11n, notLanded, undefined, silent).outcome).toBe('not_landed');
});

test('a partition that neither chains nor metastore know is said; where nothing landed, nothing is claimed', () => {
  const at = (partition: number, partitions: number[], status?: DatasetStatus) =>
    judge({ topicId: 't', partition }, 0n, { kind: 'no_chain', partitions }, undefined, status);
  expect(at(7, [0, 1])).toMatchObject({ outcome: 'no_such_record', why: expect.stringContaining('there are 2 (0, 1)') });
  expect(at(7, [], told())).toMatchObject({ outcome: 'no_such_record', why: expect.stringContaining('is only partition 0') });
  expect(at(0, [], told()).outcome).toBe('not_landed');
  expect(at(7, []).outcome).toBe('not_landed');
});
