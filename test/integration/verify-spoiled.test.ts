import { rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { verifyCommand } from '@millrace/cli/verify/command.ts';
import { verifyDataset } from '@millrace/cli/verify/verify.ts';
import { openObjectStore } from '@millrace/core/adapters/open-store.ts';
import { chainEntryKey, ledgerKey, quarantineSegmentKey } from '@millrace/core/domain/keys.ts';
import { positionAppId } from '@millrace/core/domain/source.ts';
import { expect, test } from 'vitest';
import { type Lake, soundLake, source, topic, topicId, writeLake } from './verify-lake.ts';

const fates = 'rrrqtgrrrrqqrtrrgggr';

/** Differences as `code [start, end)`, after the lake was spoiled before or after it was written. */
async function verify(
  spoil: (lake: Lake) => void,
  spoilFiles?: (dir: string, lake: Lake) => Promise<void>,
  lake = soundLake(fates),
): Promise<string[]> {
  spoil(lake);
  const written = await writeLake(lake);
  const raw = openObjectStore(written.rawUrl);
  const tables = openObjectStore(written.tablesUrl);
  try {
    await spoilFiles?.(written.dir, lake);
    const report = await verifyDataset({ dataset: 'd', topic: undefined, raw, tables, tempDir: tmpdir(), kafka: undefined });
    return report.differences.kept.map(({ code, range }) => (range === null ? code : `${code} ${range.startOffset}-${range.endOffset}`));
  } finally {
    await Promise.all([raw.close(), tables.close()]);
    await written.remove();
  }
}

const nothing = () => undefined;
const entryFile = (dir: string, seq: bigint) => join(dir, 'raw', chainEntryKey(topic, source, seq));
const firstObject = (dir: string, lake: Lake) => join(dir, 'raw', [...lake.raw.keys()][0] as string);
const ledgerOf = (lake: Lake) => lake.ledger.partitions[0] as Lake['ledger']['partitions'][number];

test('a sound lake has no difference, and its equation holds', async () => {
  expect(await verify(nothing)).toEqual([]);
  const written = await writeLake(soundLake(fates, 2n, 15n));
  const printed: string[] = [];
  const env = { MILLRACE_RAW_URL: written.rawUrl, MILLRACE_TABLES_URL: written.tablesUrl, MILLRACE_METASTORE_URL: 'http://127.0.0.1:9' };
  expect(
    await verifyCommand(
      'd',
      {},
      env,
      (text) => printed.push(text),
      (text) => printed.push(text),
    ),
  ).toBe(0);
  await written.remove();
  expect(printed.join('\n')).toContain('13 = 7 + 3 + 2 + 1    pending 5');
  expect(printed.join('\n')).toContain('no difference');
});

test('a table that begins and ends inside entries has no difference', async () => {
  for (const [start, position] of [
    [0n, 0n],
    [3n, 11n],
    [5n, 6n],
    [19n, 20n],
  ] as const)
    expect(await verify(nothing, undefined, soundLake(fates, start, position))).toEqual([]);
});

test('rows: lost, twice, beyond the position, of nothing', async () => {
  expect(await verify((lake) => (lake.files[0] = lake.files[0]?.filter((offset) => offset !== 7n) ?? []))).toEqual([
    'missing_row 7-8',
    'ledger_differs 0-20',
  ]);
  expect(await verify((lake) => lake.files[0]?.push(1n))).toEqual(['row_twice 1-2']);
  expect(await verify((lake) => lake.files[1]?.push(25n))).toEqual(['row_outside_range 25-26']);
  expect(await verify((lake) => lake.files[1]?.push(16n))).toEqual(['row_in_gap 16-17']);
  expect(await verify((lake) => lake.files[1]?.push(4n))).toEqual(['row_for_tombstone 4-5', 'ledger_differs 0-20', 'ledger_differs 0-20']);
});

test('data files: missing, cut, unreadable', async () => {
  expect(await verify(nothing, (dir) => rm(join(dir, 'tables/d/part-0.parquet')))).toContain('data_file_missing');
  expect(await verify(nothing, (dir) => truncate(join(dir, 'tables/d/part-0.parquet'), 100))).toContain('data_file_size');
  expect(
    await verify(nothing, async (dir) =>
      writeFile(
        join(dir, 'tables/d/part-0.parquet'),
        'x'.repeat((await import('node:fs')).statSync(join(dir, 'tables/d/part-0.parquet')).size),
      ),
    ),
  ).toContain('data_file_unreadable');
});

test('chain: an entry missing in the middle, at the end, unreadable, not dense, a falling epoch', async () => {
  expect(await verify(nothing, (dir) => rm(entryFile(dir, 1n)))).toEqual(
    expect.arrayContaining(['chain_entry_missing 0-0', 'not_landed 0-20']),
  );
  expect(await verify(nothing, (dir) => rm(entryFile(dir, 2n)))).toEqual(
    expect.arrayContaining(['not_landed 10-20', 'position_outside_entry 20-20']),
  );
  expect(await verify(nothing, (dir) => writeFile(entryFile(dir, 2n), '{'))).toEqual(
    expect.arrayContaining(['chain_entry_unreadable 10-10', 'not_landed 10-20']),
  );
  expect(await verify((lake) => (lake.entries[2] = { ...(lake.entries[2] as Lake['entries'][number]), epoch: 0n }))).toEqual([
    'chain_epoch 10-20',
  ]);
  expect(await verify((lake) => (lake.entries[1] = { ...(lake.entries[1] as Lake['entries'][number]), startOffset: 1n }))).toEqual(
    expect.arrayContaining(['chain_objects 1-10']),
  );
});

test('raw objects: missing, changed, other counts than the chain says', async () => {
  expect(await verify(nothing, (dir, lake) => rm(firstObject(dir, lake)))).toEqual(expect.arrayContaining(['raw_object_missing 0-10']));
  expect(await verify(nothing, (dir, lake) => writeFile(firstObject(dir, lake), 'x'))).toEqual(
    expect.arrayContaining(['raw_object_changed 0-10']),
  );
  const lied = await verify((lake) => {
    const entry = lake.entries[1];
    if (entry?.kind !== 'data') return;
    entry.gaps = [];
    for (const object of entry.objects) object.recordCount++;
  });
  expect(lied).toEqual(expect.arrayContaining(['raw_object_differs 0-10', 'entry_not_covered 5-6', 'not_landed 5-6']));
});

test('quarantine: a pointer lost, to another line, a segment changed', async () => {
  expect(await verify((lake) => lake.pointers.pop())).toEqual(['missing_row 11-12', 'ledger_differs 0-20']);
  expect(await verify((lake) => Object.assign(lake.pointers[0] ?? {}, { startLine: 0, endLine: 1 }))).toEqual(['quarantine_elsewhere 3-4']);
  const segment = (dir: string) => join(dir, 'tables/d', quarantineSegmentKey('01KDX4QEZ0B1C2D3E4F5G6H7J8'));
  expect(await verify(nothing, (dir) => writeFile(segment(dir), '{"format":1,"pointers":[]}'))).toEqual(
    expect.arrayContaining(['segment_differs', 'missing_row 3-4', 'missing_row 10-12']),
  );
});

test('ledger and position: other sums, another position, a missing guard', async () => {
  expect(await verify((lake) => (ledgerOf(lake).committed += 1n))).toEqual(['ledger_differs 0-20', 'ledger_unbalanced 0-20']);
  expect(await verify((lake) => lake.txns.set(positionAppId(source), 19n))).toEqual(['position_differs 0-20']);
  expect(await verify((lake) => lake.txns.delete(positionAppId(source)))).toEqual(['position_missing 0-20']);
  expect(await verify((lake) => lake.txns.set(positionAppId({ topicId, partition: 1 }), 3n))).toEqual(['position_without_ledger']);
  expect(await verify((lake) => (ledgerOf(lake).seq = 1n))).toEqual(['position_outside_entry 20-20']);
  expect(
    await verify(nothing, (dir, lake) => rm(join(dir, 'tables/d', ledgerKey(lake.ledger.id)))).catch((error: Error) => error.message),
  ).toContain('neither the metastore nor a table');
});

test('when it cannot check it says so: exit 2', async () => {
  const said: string[] = [];
  const env = {
    MILLRACE_RAW_URL: 'file:///nowhere/raw',
    MILLRACE_TABLES_URL: 'file:///nowhere/tables',
    MILLRACE_METASTORE_URL: 'http://127.0.0.1:9',
  };
  expect(
    await verifyCommand(
      'd',
      {},
      env,
      () => undefined,
      (text) => said.push(text),
    ),
  ).toBe(2);
  expect(
    await verifyCommand(
      'd',
      { topic: 't', againstKafka: true },
      env,
      () => undefined,
      (text) => said.push(text),
    ),
  ).toBe(2);
  expect(said.join('\n')).toContain('KAFKA_BROKERS is missing');
  for (const name of ['../d', '', 'D'])
    expect(
      await verifyCommand(
        name,
        {},
        env,
        () => undefined,
        (text) => said.push(text),
      ),
    ).toBe(2);
});
