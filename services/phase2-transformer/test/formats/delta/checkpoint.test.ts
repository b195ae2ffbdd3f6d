import { type AddFile, type DeltaAction, encodeCommit } from '@millrace/core/delta/actions.ts';
import { fileActions, liveFiles, readTableState } from '@millrace/core/delta/snapshot.ts';
import { deltaCommitKey } from '@millrace/core/domain/keys.ts';
import { memoryStore } from '@millrace/core/testing/memory-store.ts';
import { describe, expect, it } from 'vitest';
import { checkpointDue, writeCheckpoint } from '../../../src/formats/delta/checkpoint.ts';

const metadata = {
  id: 'm',
  name: 'orders',
  format: { provider: 'parquet', options: {} },
  schemaString: '{"type":"struct","fields":[]}',
  partitionColumns: ['d'],
  configuration: { a: 'b' },
  createdTime: 5,
};
const add = (path: string): AddFile => ({
  path,
  partitionValues: { d: path === 'null' ? null : 'é' },
  size: 7,
  modificationTime: 9,
  dataChange: true,
  stats: '{"numRecords":1,"maxValues":{"id":9223372036854775807}}',
  tags: { t: 'u' },
});
const first: DeltaAction[] = [
  { commitInfo: { txnId: 'x' } },
  { protocol: { minReaderVersion: 1, minWriterVersion: 2 } },
  { metaData: metadata },
];
const big = 2n ** 62n + 1n;

async function collect<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of stream) all.push(item);
  return all;
}

async function log(commits: DeltaAction[][]) {
  const { store, objects } = memoryStore();
  for (const [version, actions] of commits.entries()) await store.put(deltaCommitKey(BigInt(version)), encodeCommit(actions));
  return { store, objects };
}

describe('a checkpoint', () => {
  it('says what the commits before it said, and they are not needed any more', async () => {
    const removed = {
      path: 'b',
      deletionTimestamp: 10,
      dataChange: true,
      extendedFileMetadata: true,
      partitionValues: { d: 'é' },
      size: 7,
    };
    const { store, objects } = await log([
      [
        ...first,
        { txn: { appId: 'millrace/t/0', version: big, lastUpdated: 1 } },
        { add: add('a') },
        { add: add('b') },
        { add: add('null') },
      ],
      [{ txn: { appId: 'millrace/ledger', version: 9_007_199_254_740_991n } }, { remove: removed }],
    ]);
    const state = await readTableState(store);
    if (state === undefined) throw new Error('no table');
    const files = await collect(fileActions(store, 1n));
    await writeCheckpoint(store, state, 1000);
    objects.delete(deltaCommitKey(0n));
    objects.delete(deltaCommitKey(1n));
    expect(await readTableState(store)).toEqual({ ...state, checkpointVersion: 1n });
    expect(state.txns.get('millrace/t/0')).toBe(big);
    const kept = await collect(fileActions(store, 1n));
    const quiet = files.map((action) =>
      'add' in action ? { add: { ...action.add, dataChange: false } } : { remove: { ...action.remove, dataChange: false } },
    );
    expect(kept.sort(byPath)).toEqual(quiet.sort(byPath));
  });

  it('is gone on from by later commits, and found without its pointer', async () => {
    const { store, objects } = await log([[...first, { add: add('a') }, { add: add('b') }]]);
    const state = await readTableState(store);
    if (state !== undefined) await writeCheckpoint(store, state, 1000);
    await store.put(deltaCommitKey(1n), encodeCommit([{ remove: { path: 'a', dataChange: true } }, { add: add('c') }]));
    objects.delete(deltaCommitKey(0n));
    expect((await collect(liveFiles(store, 1n))).map(({ path }) => path)).toEqual(['b', 'c']);
    objects.delete('_delta_log/_last_checkpoint');
    expect((await readTableState(store))?.version).toBe(1n);
    expect((await collect(liveFiles(store, 1n))).map(({ path }) => path)).toEqual(['b', 'c']);
    expect((await collect(liveFiles(store, 0n))).map(({ path }) => path)).toEqual(['a', 'b']);
  });

  it('a pointer at a checkpoint that is not there is only a hint', async () => {
    const { store } = await log([[...first, { add: add('a') }]]);
    await store.put('_delta_log/_last_checkpoint', new TextEncoder().encode('{"version":9,"size":1}'));
    expect((await readTableState(store))?.version).toBe(0n);
  });

  it('is found behind a stale pointer into a log that was cleaned: the table does not end there', async () => {
    const { store, objects } = await log([[...first, { add: add('a') }], [{ add: add('b') }], [{ add: add('c') }], [{ add: add('d') }]]);
    const state = await readTableState(store);
    if (state === undefined) throw new Error('no table');
    await writeCheckpoint(store, { ...state, version: 0n }, 0);
    const stale = objects.get('_delta_log/_last_checkpoint') ?? new Uint8Array();
    await writeCheckpoint(store, { ...state, version: 2n }, 0);
    objects.set('_delta_log/_last_checkpoint', stale);
    objects.delete(deltaCommitKey(0n));
    objects.delete(deltaCommitKey(1n));
    expect(await readTableState(store)).toMatchObject({ version: 3n, checkpointVersion: 2n });
    expect((await collect(liveFiles(store, 3n))).map(({ path }) => path).sort()).toEqual(['a', 'b', 'c', 'd']);
  });

  it('never moves the pointer backwards', async () => {
    const { store, objects } = await log([[...first], [{ add: add('a') }]]);
    const state = await readTableState(store);
    if (state === undefined) throw new Error('no table');
    await writeCheckpoint(store, state, 0);
    await writeCheckpoint(store, { ...state, version: 0n }, 0);
    expect(JSON.parse(new TextDecoder().decode(objects.get('_delta_log/_last_checkpoint')))).toMatchObject({
      version: 1,
      numOfAddFiles: 1,
    });
  });

  it('two writers at once: the pointer ends at the later one, even when the older name is written last', async () => {
    const { store, objects } = await log([[...first], [{ add: add('a') }]]);
    const state = await readTableState(store);
    if (state === undefined) throw new Error('no table');
    // the older writer has looked, and sleeps before it writes the pointer
    const slow = {
      ...store,
      put: async (key: string, body: Uint8Array) => {
        if (key.endsWith('_last_checkpoint') && !objects.has(key)) await writeCheckpoint(store, state, 0);
        await store.put(key, body);
      },
    };
    await writeCheckpoint(slow, { ...state, version: 0n }, 0);
    const pointer = JSON.parse(new TextDecoder().decode(objects.get('_delta_log/_last_checkpoint'))) as { size: number };
    expect(pointer).toMatchObject({ version: 1, sizeInBytes: objects.get('_delta_log/00000000000000000001.checkpoint.parquet')?.length });
    expect(pointer.size).toBe(3);
  });

  it('of many files is streamed in small groups', async () => {
    const many = Array.from({ length: 11_000 }, (_, i) => ({ add: add(`f${i}`) }));
    const { store } = await log([[...first, ...many]]);
    const state = await readTableState(store);
    if (state !== undefined) await writeCheckpoint(store, state, 0);
    let files = 0;
    for await (const _ of liveFiles(store, 0n)) files++;
    expect(files).toBe(11_000);
  });

  it('is due after ten commits and ten minutes, whichever is later', () => {
    expect(checkpointDue(9n, -1n, 0, 600_000)).toBe(true);
    expect(checkpointDue(8n, -1n, 0, 600_000)).toBe(false);
    expect(checkpointDue(500n, -1n, 0, 599_999)).toBe(false);
  });
});

function byPath(a: { add: { path: string } } | { remove: { path: string } }, b: typeof a): number {
  const path = (action: typeof a) => ('add' in action ? action.add.path : action.remove.path);
  return path(a) < path(b) ? -1 : 1;
}
