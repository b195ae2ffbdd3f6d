import { decodePath, encodePath } from '@millrace/core/delta/paths.ts';
import { describe, expect, it } from 'vitest';
import { dataFileKey, planActions } from '../../src/plan/commit-actions.ts';

const stats = '{"numRecords":2,"maxValues":{"id":9223372036854775807}}';
const file = {
  partitionValues: { d: 'a b' },
  numRecords: 2,
  stats,
  sources: [{ topicId: 't', partition: 0, minOffset: 5n, maxOffset: 2n ** 60n, records: 2 }],
};
const plan = {
  attemptId: 'attempt',
  datasetId: 'id',
  readVersion: 4n,
  metadata: undefined,
  partitions: [
    {
      topic: 'orders',
      topicId: 't',
      partition: 0,
      startOffset: 0n,
      position: 7n,
      seq: 1n,
      committed: 7n,
      quarantined: {},
      dropped: {},
      gaps: {},
    },
  ],
  ledgerId: 42n,
  files: [{ key: 'd=a_b/part-0.parquet', file, bytes: 99, uploadedAt: 5 }],
  now: 1000,
};

describe('a commit', () => {
  it('carries files, positions and the ledger at once', () => {
    const actions = planActions(plan);
    expect(actions.map((action) => Object.keys(action)[0])).toEqual(['commitInfo', 'txn', 'txn', 'add']);
    expect(actions[1]).toEqual({ txn: { appId: 'millrace/t/0', version: 7n, lastUpdated: 1000 } });
    expect(actions[2]).toEqual({ txn: { appId: 'millrace/ledger', version: 42n, lastUpdated: 1000 } });
    expect(actions[3]).toMatchObject({ add: { path: 'd=a_b/part-0.parquet', size: 99, dataChange: true, stats } });
    expect(actions[0]).toMatchObject({
      commitInfo: {
        txnId: 'attempt',
        readVersion: 4,
        operation: 'STREAMING UPDATE',
        operationMetrics: { numAddedFiles: '1', numOutputRows: '2' },
      },
    });
  });

  it('creates the table together with its first rows', () => {
    const metadata = { id: 'm', format: { provider: 'parquet', options: {} }, schemaString: '', partitionColumns: [], configuration: {} };
    const first = planActions({ ...plan, readVersion: -1n, metadata });
    expect(first.map((action) => Object.keys(action)[0])).toEqual(['commitInfo', 'protocol', 'metaData', 'txn', 'txn', 'add']);
    expect(first[1]).toEqual({ protocol: { minReaderVersion: 1, minWriterVersion: 2 } });
    expect(first[0]).not.toHaveProperty('commitInfo.readVersion');
  });

  it('names files so that no reader hides them and no escape is needed', () => {
    const key = dataFileKey(['_source_timestamp_day', 'c/d'], { _source_timestamp_day: null, 'c/d': 'ä=%20 /..' }, 3, 'ULID');
    expect(key).toBe('xsource_timestamp_day=__HIVE_DEFAULT_PARTITION__/c_d=___20__../part-00003-ULID.c000.zstd.parquet');
    expect(encodePath(key)).toBe(key);
  });

  it('names files of any partition values within what a key may hold', () => {
    const columns = Array.from({ length: 16 }, (_, i) => `${i}${'c'.repeat(200)}`);
    const values = Object.fromEntries(columns.map((column) => [column, 'ü'.repeat(300)]));
    for (let count = 1; count <= 16; count++) {
      const key = dataFileKey(columns.slice(0, count), values, 99_999, '01KDX4Q9TQ7B8C9D0E1F2G3H4J');
      const folders = key.split('/').slice(0, -1);
      expect(folders).toHaveLength(count);
      expect(folders.join('/').length).toBeLessThanOrEqual(512);
      for (const [index, folder] of folders.entries()) expect(folder).toMatch(new RegExp(`^${index}c+=_+$`));
    }
    expect(dataFileKey(columns.slice(0, 1), values, 0, 'U')).toContain(`${'c'.repeat(79)}=${'_'.repeat(80)}/`);
  });

  it('paths of others are decoded once', () => {
    expect(decodePath('p=a%2520b/part.parquet')).toBe('p=a%20b/part.parquet');
    expect(encodePath('p=a%20b/part.parquet')).toBe('p=a%2520b/part.parquet');
  });
});
