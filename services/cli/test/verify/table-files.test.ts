import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { memoryStore } from '@millrace/core/testing/memory-store.ts';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { RangeSpill } from '../../src/verify/range-spill.ts';
import { withLocalFile } from '../../src/verify/table-files.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-table-files-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function dataFile(startOffset: number): Promise<Uint8Array> {
  const path = join(folder, `from-${startOffset}.parquet`);
  const instance = await DuckDBInstance.create();
  const connection = await instance.connect();
  await connection.run(
    `COPY (SELECT 'topic' AS _source_topic_id, 0::INTEGER AS _source_partition, range + ${startOffset} AS _source_offset, repeat('x', 50) AS note FROM range(100)) TO '${path}' (COMPRESSION uncompressed)`,
  );
  connection.closeSync();
  instance.closeSync();
  return new Uint8Array(await readFile(path));
}

test('two data files of the same size in a remote store are read each with its own rows', async () => {
  const { store, objects } = memoryStore();
  const files = [1_000, 2_000, 3_000];
  for (const start of files) objects.set(`${start}.parquet`, await dataFile(start));
  expect(new Set([...objects.values()].map(({ length }) => length)).size).toBe(1);
  const spill = await RangeSpill.open(folder);
  try {
    for (const [key, bytes] of objects) await withLocalFile(store, key, bytes.length, spill.folder, (path) => spill.addFile(path));
    const found = [];
    for await (const { startOffset } of spill.rows({ topicId: 'topic', partition: 0 })) found.push(Number(startOffset));
    expect(found).toEqual(files);
  } finally {
    await spill.close();
  }
});
