import { memoryStore } from '@millrace/core/testing/memory-store.ts';
import { describe, expect, it } from 'vitest';
import { type DeltaAction, encodeCommit, parseCommit } from '../../src/delta/actions.ts';
import { decodePath, encodePath, safeSegment } from '../../src/delta/paths.ts';
import { applyCommit, commitsAfter, liveFiles, readTableState } from '../../src/delta/snapshot.ts';
import { deltaCommitKey } from '../../src/domain/keys.ts';

const utf8 = (text: string) => new TextEncoder().encode(text);
const metaData = { id: 'm', format: { provider: 'parquet', options: {} }, schemaString: '{}', partitionColumns: [], configuration: {} };
const protocol = { minReaderVersion: 1, minWriterVersion: 2 };
const add = (path: string): DeltaAction => ({ add: { path, partitionValues: {}, size: 1, modificationTime: 1, dataChange: true } });

async function log(...commits: DeltaAction[][]) {
  const { store, objects, count } = memoryStore();
  for (const [version, actions] of commits.entries()) await store.put(deltaCommitKey(BigInt(version)), encodeCommit(actions));
  return { store, objects, count };
}

describe('actions', () => {
  it('keep 64-bit positions exact both ways', () => {
    const version = 2n ** 63n - 1n;
    const bytes = encodeCommit([{ txn: { appId: 'a "quoted" id', version, lastUpdated: 5 } }]);
    expect(new TextDecoder().decode(bytes)).toBe('{"txn":{"appId":"a \\"quoted\\" id","version":9223372036854775807,"lastUpdated":5}}\n');
    expect(parseCommit(bytes, 'x')).toEqual([{ txn: { appId: 'a "quoted" id', version, lastUpdated: 5 } }]);
  });

  it('of other writers are read whatever their spacing; unknown ones are ignored', () => {
    const bytes = utf8('{ "txn" : {"appId":"s","version":3}}\n\n{"cdc":{"path":"x"}}\n{"future":{}}\n{ "add":{"path":"a"}}');
    expect(parseCommit(bytes, 'x')).toEqual([{ txn: { appId: 's', version: 3n } }, { add: { path: 'a' } }]);
    expect(parseCommit(bytes, 'x', 'state')).toEqual([{ txn: { appId: 's', version: 3n } }]);
  });

  it('what is not a commit is corrupt, with its name', () => {
    expect(() => parseCommit(utf8('{"txn"'), 'log/7.json')).toThrow(/log\/7\.json is not a Delta commit/);
  });
});

describe('the log', () => {
  it('a table that is not there is undefined', async () => {
    expect(await readTableState((await log()).store)).toBeUndefined();
  });

  it('the last word on everything wins, by GETs and one LIST behind the end', async () => {
    const { store, count } = await log(
      [{ protocol }, { metaData }, { txn: { appId: 'p', version: 1n } }, add('a')],
      [{ txn: { appId: 'p', version: 9n } }, { metaData: { ...metaData, schemaString: '{"new":1}' } }, add('b')],
      [{ txn: { appId: 'p', version: 4n } }, { remove: { path: 'a', dataChange: true } }],
    );
    const state = await readTableState(store);
    expect(state).toMatchObject({ version: 2n, protocol, metadata: { schemaString: '{"new":1}' }, checkpointVersion: -1n });
    expect(state?.txns.get('p')).toBe(4n);
    expect(count.list).toBe(1);
    const paths: string[] = [];
    for await (const file of liveFiles(store, 2n)) paths.push(file.path);
    expect(paths).toEqual(['b']);
  });

  it('is followed commit by commit', async () => {
    const { store } = await log([{ protocol }, { metaData }], [{ txn: { appId: 'p', version: 9n } }]);
    let state = await readTableState(store);
    await store.put(deltaCommitKey(2n), encodeCommit([{ txn: { appId: 'p', version: 10n } }]));
    for await (const commit of commitsAfter(store, 1n)) if (state !== undefined) state = applyCommit(state, commit);
    expect([state?.version, state?.txns.get('p')]).toEqual([2n, 10n]);
  });

  it('that lacks its beginning is corrupt, not empty', async () => {
    const { store, objects } = await log([{ protocol }, { metaData }], [add('a')]);
    await expect(async () => {
      for await (const _ of liveFiles(store, 5n));
    }).rejects.toThrow(/last found is 1/);
    objects.set(deltaCommitKey(0n), utf8('{"commitInfo":{}}'));
    await expect(readTableState(store)).rejects.toThrow(/no protocol or no metaData/);
  });
});

describe('the end of the log', () => {
  it('is not believed while later commits lie behind it', async () => {
    const { store, objects } = await log([{ protocol }, { metaData }], [add('a')], [add('b')]);
    objects.delete(deltaCommitKey(1n));
    await expect(readTableState(store)).rejects.toThrow(/later commits, but _delta_log\/0{19}1\.json is missing/);
    objects.delete(deltaCommitKey(0n));
    await expect(readTableState(store)).rejects.toMatchObject({ kind: 'corrupt', code: 'incomplete_log' });
  });

  it('may move while it is looked at', async () => {
    const { store } = await log([{ protocol }, { metaData }]);
    const list = store.list;
    store.list = async (prefix, options) => {
      store.list = list;
      await store.put(deltaCommitKey(1n), encodeCommit([{ txn: { appId: 'p', version: 3n } }]));
      return list(prefix, options);
    };
    expect(await readTableState(store)).toMatchObject({ version: 1n });
  });

  it('is not hidden by what other engines write beside it', async () => {
    const { store } = await log([{ protocol }, { metaData }]);
    for (const name of ['00000000000000000000.crc', '.00000000000000000001.json.crc', '_changes/x', '00000000000000000001.crc'])
      await store.put(`_delta_log/${name}`, utf8('x'));
    expect((await readTableState(store))?.version).toBe(0n);
  });
});

describe('paths', () => {
  it('are percent-encoded once and decoded once', () => {
    for (const key of ['d=2026-01-01/part-0.parquet', 'p=a b/ü%2F+.parquet', "q='(x)'/#?.parquet"])
      expect(decodePath(encodePath(key))).toBe(key);
    expect(encodePath('p=a b/x')).toBe('p=a%20b/x');
  });
  it('segments of ours need no escape', () => {
    for (const text of ['a b/c', 'ü', '%41', 'x'.repeat(500)]) expect(encodePath(safeSegment(text))).toBe(safeSegment(text));
  });
});
