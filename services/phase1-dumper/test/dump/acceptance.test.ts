import { checkFollows } from '@millrace/core/domain/chain-rules.ts';
import type { Acceptance, GapAcceptance, LossKind } from '@millrace/core/domain/losses.ts';
import { describe, expect, test } from 'vitest';
import { acceptancesOf, acceptedLoss, changedCluster, planGapEntry } from '../../src/dump/acceptance.ts';
import { headAfter, planClaim } from '../../src/dump/claim.ts';
import { openTransactionMs, watchTransaction } from '../../src/dump/open-transaction.ts';
import { lossByEpoch, lossSeen, stillSuspected, suspect } from '../../src/dump/position.ts';

const source = { topicId: 'id', partition: 3 };
const words = { id: 'd1', reason: 'moths', by: null, decidedAt: '2026-11-21T12:00:00Z' };
const accepted = (loss: LossKind, startOffset: bigint, endOffset: bigint, more: Partial<GapAcceptance> = {}): GapAcceptance => ({
  kind: 'gap',
  ...words,
  ...source,
  loss,
  startOffset: `${startOffset}`,
  endOffset: `${endOffset}`,
  ...more,
});

describe('an accepted loss', () => {
  test.each<[string, LossKind, [bigint, bigint], [bigint, bigint], boolean]>([
    ['exactly what is gone', 'retention', [40n, 70n], [40n, 70n], true],
    ['less than is gone by now', 'retention', [40n, 70n], [40n, 90n], true],
    ['more than is gone: Kafka still has some of it', 'retention', [40n, 70n], [40n, 60n], false],
    ['another beginning', 'retention', [40n, 70n], [41n, 70n], false],
    ['the record that kills', 'poison', [7n, 8n], [7n, 8n], true],
    ['a log cut there', 'truncated', [20n, 50n], [20n, 50n], true],
    ['a log that has grown since it was cut', 'truncated', [0n, 50n], [20n, 50n], true],
    ['a log cut once more, further back', 'truncated', [20n, 50n], [10n, 50n], false],
    ['before something else was landed', 'truncated', [20n, 50n], [20n, 60n], false],
    ['another log', 'epoch_fell', [0n, 50n], [10n, 50n], true],
  ])('%s', (_name, kind, [from, to], [start, end], holds) => {
    expect(acceptedLoss(suspect(kind, start, end), source, [accepted(kind, from, to)]) !== undefined).toBe(holds);
  });

  test('is of one incarnation, one partition and one kind', () => {
    const loss = suspect('retention', 40n, 70n);
    const other = [
      accepted('retention', 40n, 70n, { topicId: 'other' }),
      accepted('retention', 40n, 70n, { partition: 4 }),
      accepted('poison', 40n, 70n),
    ];
    expect(acceptedLoss(loss, source, other)).toBeUndefined();
  });

  test.each<[LossKind, string]>([
    ['retention', 'expired'],
    ['poison', 'accepted_by_operator'],
  ])('%s becomes a gap entry of cause %s that follows its claim (R12)', (kind, cause) => {
    const start = {
      format: 1 as const,
      topicId: 'id',
      topic: 't',
      clusterId: 'c',
      startFrom: 'earliest' as const,
      partitions: { 3: 40n },
      attemptId: 'a',
      createdAt: '',
    };
    const stamp = { attemptId: 'b', writer: 'w', nowMs: 0 };
    const claim = planClaim({ ...source, topic: 't', clusterId: 'c' }, undefined, start, stamp);
    if (claim.do !== 'claim') throw new Error('no claim');
    const entry = planGapEntry(claim.entry.source, headAfter(claim.entry, 40n), accepted(kind, 40n, 70n), stamp);
    checkFollows(claim.entry, entry);
    expect(entry).toMatchObject({ startOffset: 40n, endOffset: 70n, gaps: [{ startOffset: 40n, endOffset: 70n, cause }], reason: 'moths' });
  });

  test('is one of any dataset of the topic', () => {
    const datasets = [{ kafkaTopic: 't', acceptances: [accepted('poison', 1n, 2n)] }, { kafkaTopic: 't' }, { kafkaTopic: 'u' }];
    expect(acceptancesOf(datasets, 't')).toHaveLength(1);
    expect(acceptancesOf(datasets, 'u')).toHaveLength(0);
  });
});

test('what is suspected grows with retention while it waits; what lies behind us stays what it was', () => {
  const offsets = { earliest: 90n, lastStable: 100n };
  expect(stillSuspected(suspect('retention', 40n, 70n), offsets)).toEqual(suspect('retention', 40n, 90n));
  expect(stillSuspected(suspect('truncated', 20n, 50n), offsets)).toEqual(suspect('truncated', 20n, 50n));
  expect(lossSeen(95n, offsets)).toBeNull();
  expect(lossSeen(101n, offsets)).toEqual(suspect('truncated', 100n, 101n));
  expect(lossByEpoch(95n, 90n)).toEqual(suspect('epoch_fell', 90n, 95n));
});

describe('the cluster behind the brokers', () => {
  const yes: Acceptance = { kind: 'cluster', ...words, clusterId: 'new' };
  test.each<[string, string[], string | null, Acceptance[], boolean]>([
    ['the first one of a topic', [], 'new', [], false],
    ['the one the chains know', ['old', 'older'], 'old', [], false],
    ['another one', ['old'], 'new', [], true],
    ['another one that was accepted', ['old'], 'new', [yes], false],
    ['a third one', ['old'], 'third', [yes], true],
    ['one that cannot be told', ['old'], null, [], false],
    ['chains that cannot tell theirs', ['unknown'], 'new', [], false],
  ])('%s', (_name, known, found, acceptances, refused) => {
    expect(changedCluster(known, found, acceptances)).toEqual(refused ? { known, found } : undefined);
  });
});

test('a stable offset that stands below the high watermark is said after a while, with what waits behind it; one that moves is work', () => {
  const at = (lastStable: bigint, highWatermark: bigint) => ({ earliest: 0n, lastStable, highWatermark });
  const seen = watchTransaction(null, at(10n, 18n), 0);
  expect(seen.heldBack).toBeNull();
  expect(watchTransaction(seen.open, at(10n, 20n), openTransactionMs - 1).heldBack).toBeNull();
  expect(watchTransaction(seen.open, at(10n, 20n), openTransactionMs).heldBack).toEqual({ startOffset: 10n, endOffset: 20n });
  expect(watchTransaction(seen.open, at(11n, 20n), openTransactionMs).heldBack).toBeNull();
  expect(watchTransaction(seen.open, at(20n, 20n), openTransactionMs)).toEqual({ open: null, heldBack: null });
});
