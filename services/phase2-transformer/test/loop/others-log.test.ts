import { systemClock } from '@millrace/core/adapters/system/clock.ts';
import { systemRandom } from '@millrace/core/adapters/system/random.ts';
import { encodeCommit } from '@millrace/core/delta/actions.ts';
import { readTableState, type TableState } from '@millrace/core/delta/snapshot.ts';
import { deltaCommitKey } from '@millrace/core/domain/keys.ts';
import { memoryStore } from '@millrace/core/testing/memory-store.ts';
import { describe, expect, it } from 'vitest';
import { commitBatch, type ReadyBatch } from '../../src/loop/commit-batch.ts';
import { OthersLog } from '../../src/loop/others-log.ts';
import { noTable, openTable } from '../../src/loop/table-head.ts';
import { emptyTable, HandMetastore } from './harness.ts';

const commits = 30;

/** Five rows of ours. */
const source = { topicId: 't', partition: 0 };
const ourFirst: ReadyBatch = {
  pieces: [{ source, seq: 0n, startOffset: 0n, endOffset: 5n, object: undefined, gaps: [] }],
  starts: new Map([['t/0', { topic: 'orders', source, startOffset: 0n, seq: 0n }]]),
  counts: [{ ...source, committed: 5, quarantined: {}, dropped: {} }],
  files: [],
  segments: [],
  facts: emptyTable,
  floodWaived: false,
};

/** A log of others' commits, each with one file of ten rows. */
async function foreignLog() {
  const { store, objects, count } = memoryStore();
  const add = (version: number, rows = 10) => ({
    add: { path: `file-${version}`, partitionValues: {}, size: 1, modificationTime: 0, dataChange: true, stats: `{"numRecords":${rows}}` },
  });
  const put = (version: number, actions: unknown[]) => objects.set(deltaCommitKey(BigInt(version)), encodeCommit(actions as never));
  const metaData = { id: 'm', format: { provider: 'parquet', options: {} }, schemaString: '{}', partitionColumns: [], configuration: {} };
  put(0, [{ protocol: { minReaderVersion: 1, minWriterVersion: 2 } }, { metaData }, add(0)]);
  for (let version = 1; version < commits; version++) put(version, [add(version)]);
  const state = async (): Promise<TableState> => (await readTableState(store)) ?? expect.fail('no table');
  const getsOf = async (work: () => Promise<unknown>) => {
    const before = count.get;
    await work();
    return count.get - before;
  };
  return { store, objects, put, add, state, getsOf };
}

describe('what others have written', () => {
  it('is read once: each further look reads what is new and one commit that is known', async () => {
    const { store, put, add, state, getsOf } = await foreignLog();
    const log = new OthersLog();
    const first = await state();
    expect(await getsOf(() => log.at(store, first))).toBe(commits);
    put(commits, [add(commits)]);
    put(commits + 1, [{ remove: { path: 'file-3', dataChange: true } }]);
    const now = await state();
    expect(await getsOf(() => log.at(store, now))).toBe(3);
    const rows = await log.at(store, now);
    expect([rows.of('file-3'), rows.of('file-4'), rows.of(`file-${commits}`)]).toEqual([0n, 10n, 10n]);
  });

  it('is read anew when the log is another one, or ends earlier than it did', async () => {
    const { store, objects, put, add, state } = await foreignLog();
    const log = new OthersLog();
    const long = await state();
    expect((await log.at(store, long)).of('file-4')).toBe(10n);
    put(4, [add(4, 7)]);
    put(commits - 1, [add(commits - 1, 7)]);
    expect((await log.at(store, await state())).of('file-4')).toBe(7n);
    for (let version = 5; version < commits; version++) objects.delete(deltaCommitKey(BigInt(version)));
    put(4, [add(4, 2)]);
    const rows = await log.at(store, await state());
    expect([rows.of('file-4'), rows.of('file-5')]).toEqual([2n, 0n]);
  });

  it('goes on where it was cut off by a store that was away', async () => {
    const { store, state, getsOf } = await foreignLog();
    const log = new OthersLog();
    const now = await state();
    let left = 10;
    const tired = {
      ...store,
      get: async (key: string) => {
        if (left-- === 0) throw new Error('away');
        return store.get(key);
      },
    };
    await expect(log.at(tired, now)).rejects.toThrow('away');
    expect(await getsOf(() => log.at(store, now))).toBe(commits - 10 + 1);
    expect((await log.at(store, now)).of('file-2')).toBe(10n);
  });

  it('is kept by a leg: a look at a table whose files others removed does not read the whole log again', async () => {
    const { store, objects, put, add } = await foreignLog();
    objects.clear();
    const dataset = new HandMetastore().register({ name: 'orders', kafkaTopic: 'orders' });
    await commitBatch({ table: store, clock: systemClock, random: systemRandom }, dataset, noTable, ourFirst, new AbortController().signal);
    for (let version = 1; version < commits; version++) put(version, [add(version)]);
    put(commits, [{ commitInfo: { operation: 'DELETE' } }, { remove: { path: 'file-3', dataChange: true } }]);
    const read: string[] = [];
    const table = {
      ...store,
      get: (key: string) => {
        read.push(key);
        return store.get(key);
      },
    };
    const others = new OthersLog();
    const looks = async () => {
      read.length = 0;
      expect(await openTable({ table, others }, dataset)).toHaveProperty('block');
      return read.filter((key) => key === deltaCommitKey(2n)).length;
    };
    const first = await looks();
    expect(await looks()).toBe(first - 1);
  });
});
