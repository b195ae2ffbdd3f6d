import { datasetInput } from '@millrace/core/domain/dataset.ts';
import type { TableReport } from '@millrace/core/domain/reports.ts';
import type { Facts, LandedPartition, LandingFacts, StoredDataset } from '../../src/view/facts.ts';

/** The moment all tests of this folder look from, ms. */
export const now = Date.parse('2026-11-21T12:00:00Z');
export const topicId = 'aaaaaaaaaaaaaaaaaaaaaa';
export const formerTopicId = 'bbbbbbbbbbbbbbbbbbbbbb';

export function dataset(changes: Partial<StoredDataset> = {}): StoredDataset {
  return {
    ...datasetInput.parse({ name: 'orders', kafkaTopic: 'orders.v1' }),
    id: '11111111-1111-4111-8111-111111111111',
    createdAt: '2026-11-21T11:00:00.000Z',
    version: 1,
    paused: false,
    resumeCount: 0,
    decisions: [],
    ...changes,
  };
}

export function landed(changes: Partial<LandedPartition> = {}): LandedPartition {
  return {
    topicId,
    partition: 0,
    landed: 100n,
    end: 120n,
    epoch: 1n,
    chainStart: 0n,
    state: 'RUNNING',
    reason: null,
    reportedAt: now,
    ...changes,
  };
}

export function landing(changes: Partial<LandingFacts> = {}): LandingFacts {
  return { topicId, notices: [], reportedAt: now, partitions: [landed()], ...changes };
}

type TablePartition = TableReport['partitions'][number];
export function inTable(changes: Partial<TablePartition> = {}): TablePartition {
  return {
    topic: 'orders.v1',
    topicId,
    partition: 0,
    startOffset: 0n,
    position: 80n,
    seq: 3n,
    committed: 80n,
    quarantined: {},
    dropped: {},
    gaps: {},
    landed: 90n,
    ...changes,
  };
}

export function report(changes: Partial<TableReport> = {}): TableReport {
  return {
    datasetId: dataset().id,
    worker: 'phase2-test',
    state: 'RUNNING',
    reason: null,
    nextAction: null,
    block: null,
    tableVersion: 4n,
    schemaVersion: 2,
    lastCommit: { version: 4n, at: '2026-11-21T11:59:58.000Z', records: 20n, attemptId: 'x' },
    committedTimestamp: now - 2_500,
    partitions: [inTable()],
    ...changes,
  };
}

export function facts(changes: Partial<Facts> = {}): Facts {
  return { dataset: dataset(), landing: landing(), table: { report: report(), reportedAt: now }, ...changes };
}
