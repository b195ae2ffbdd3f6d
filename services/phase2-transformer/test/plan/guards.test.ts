import type { TableState } from '@millrace/core/delta/snapshot.ts';
import type { Dataset } from '@millrace/core/domain/dataset.ts';
import type { Ledger } from '@millrace/core/domain/ledger.ts';
import { describe, expect, it } from 'vitest';
import { checkGuards, checkMadeAgain, checkProtocol } from '../../src/plan/guards.ts';

const metadata = { id: 'i', format: { provider: 'parquet', options: {} }, schemaString: '', partitionColumns: [], configuration: {} };
const state = (txns: Record<string, bigint>, configuration: Record<string, string> = {}): TableState => ({
  version: 7n,
  protocol: { minReaderVersion: 1, minWriterVersion: 2 },
  metadata: { ...metadata, configuration },
  txns: new Map(Object.entries(txns)),
  checkpointVersion: -1n,
});
const ledger = (positions: Record<number, bigint>): Ledger => ({
  format: 1,
  id: 42n,
  previousId: null,
  attemptId: 'a',
  datasetId: 'd',
  dataset: 'orders',
  datasetVersion: 1,
  schemaVersion: 1,
  createdAt: '',
  floodCheck: 'pending',
  partitions: Object.entries(positions).map(([partition, position]) => ({
    topic: 'orders',
    topicId: 't',
    partition: Number(partition),
    startOffset: 0n,
    position,
    seq: 0n,
    committed: position,
    quarantined: {},
    dropped: {},
    gaps: {},
  })),
  quarantineSegments: [],
});

describe('R5 missing guards block', () => {
  const good = { 'millrace/t/0': 10n, 'millrace/t/1': 20n, 'millrace/ledger': 42n, spark: 3n };
  it('R5 a table whose positions and ledger agree is fine', () => {
    expect(checkGuards(state(good), ledger({ 0: 10n, 1: 20n }), 'orders')).toBeUndefined();
  });
  it.each([
    [
      'R5 a ledger position without its txn',
      { 'millrace/t/0': 10n, 'millrace/ledger': 42n },
      { 0: 10n, 1: 20n },
      /has no txn millrace\/t\/1/,
    ],
    ['R5 a txn that differs', { ...good, 'millrace/t/1': 19n }, { 0: 10n, 1: 20n }, /t\/1 at 20, the log says 19/],
    ['R5 a position the ledger does not know', good, { 0: 10n }, /position millrace\/t\/1 that ledger 42 does not know/],
  ])('%s', (_, txns, positions, reason) => {
    const block = checkGuards(state(txns as Record<string, bigint>), ledger(positions as Record<number, bigint>), 'orders');
    expect(block?.reason).toMatch(reason);
    expect(block?.nextAction).toContain('/v1/datasets/orders/resume');
  });
  it('R5 data without a ledger head', () => {
    expect(checkGuards(state({}), undefined, 'orders')?.reason).toMatch(/names no ledger/);
  });
  it('R5 delta.setTransactionRetentionDuration is refused', () => {
    const forgetful = state(good, { 'delta.setTransactionRetentionDuration': 'interval 7 days' });
    expect(checkGuards(forgetful, ledger({ 0: 10n, 1: 20n }), 'orders')?.reason).toMatch(/positions would be forgotten/);
  });
});

describe('R6 a dataset made again over an existing table', () => {
  const facts = {
    schema: { columns: [], partitionColumns: [], undecided: [], maxFieldId: 0 },
    schemaVersion: 3,
    highestSchemaVersion: 4,
    topic: 'orders',
    mode: 'append' as const,
    partitionKeys: ['date'],
  };
  const dataset = { name: 'orders', kafkaTopic: 'orders', mode: 'append', partitionKeys: ['date'] } as unknown as Dataset;
  it('R6 resumes when topic, partitioning and mode are the same', () => {
    expect(checkMadeAgain(facts, dataset)).toBeUndefined();
  });
  it.each([
    ['R6 another topic', { kafkaTopic: 'other' }, /topic orders, the dataset reads other/],
    ['R6 another partitioning', { partitionKeys: ['day'] }, /partitionKeys \["date"\], the dataset has \["day"\]/],
    ['R6 another mode', { mode: 'upsert' }, /mode append, the dataset is upsert/],
  ])('%s', (_, change, reason) => {
    expect(checkMadeAgain(facts, { ...dataset, ...change } as Dataset)?.reason).toMatch(reason);
  });
});

describe('protocols of others', () => {
  it.each([
    [1, 2, undefined, undefined, true],
    [1, 1, undefined, undefined, true],
    [1, 7, undefined, ['appendOnly', 'invariants'], true],
    [1, 3, undefined, undefined, false],
    [2, 5, undefined, undefined, false],
    [3, 7, ['deletionVectors'], ['deletionVectors'], false],
    [1, 7, undefined, ['rowTracking'], false],
  ])('reader %d, writer %d, %j, %j: written %s', (minReaderVersion, minWriterVersion, readerFeatures, writerFeatures, fine) => {
    const block = checkProtocol(
      { minReaderVersion, minWriterVersion, ...(readerFeatures && { readerFeatures }), ...(writerFeatures && { writerFeatures }) },
      'orders',
    );
    expect(block === undefined).toBe(fine);
  });

  it('each feature is named once', () => {
    const features = ['deletionVectors', 'columnMapping'];
    const block = checkProtocol(
      { minReaderVersion: 3, minWriterVersion: 7, readerFeatures: features, writerFeatures: ['appendOnly', ...features, 'rowTracking'] },
      'orders',
    );
    expect(block?.reason).toContain('with deletionVectors, columnMapping, rowTracking;');
  });
});
