import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { memoryStore } from '@millrace/core/testing/memory-store.ts';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { withLocalFile } from '../../src/lake/table-files.ts';
import { RangeSpill } from '../../src/verify/range-spill.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-table-files-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** A data file of so many rows, each with a note of so many characters. */
async function dataFile(connection: DuckDBConnection, startOffset: number, rows: number, noteLength: number): Promise<Uint8Array> {
  const path = join(folder, `${startOffset}-${noteLength}.parquet`);
  await connection.run(
    `COPY (SELECT rpad('', ${noteLength}, 'x') || range AS note, 'topic' AS _source_topic_id, 0::INTEGER AS _source_partition,
      range + ${startOffset} AS _source_offset FROM range(${rows})) TO '${path}' (COMPRESSION uncompressed, DICTIONARY_SIZE_LIMIT 1)`,
  );
  return new Uint8Array(await readFile(path));
}

test('data files of the same size and another layout in a remote store are read each with its own rows', async () => {
  const { store } = memoryStore();
  const instance = await DuckDBInstance.create();
  const connection = await instance.connect();
  const spill = await RangeSpill.open(folder);
  try {
    const files = [await dataFile(connection, 1_000, 12, 10), await dataFile(connection, 2_000, 20, 2)];
    expect(files[1]?.length).toBe(files[0]?.length);
    for (const [index, bytes] of files.entries()) {
      await store.put(`${index}.parquet`, bytes);
      await withLocalFile(store, `${index}.parquet`, bytes.length, spill.folder, (path) => spill.addFiles([path]));
    }
    const found = [];
    for await (const rows of spill.rows({ topicId: 'topic', partition: 0 })) found.push([Number(rows.startOffset), Number(rows.endOffset)]);
    expect(found).toEqual([
      [1_000, 1_012],
      [2_000, 2_020],
    ]);
  } finally {
    await spill.close();
    connection.closeSync();
    instance.closeSync();
  }
});

test('a table may have a column of any name a field can have, `filename` too', async () => {
  const instance = await DuckDBInstance.create();
  const connection = await instance.connect();
  const spill = await RangeSpill.open(folder);
  try {
    const path = join(folder, 'named.parquet');
    await connection.run(
      `COPY (SELECT 'a.png' AS filename, 1 AS file_row_number, 'topic' AS _source_topic_id, 0::INTEGER AS _source_partition, range AS _source_offset
        FROM range(3)) TO '${path}'`,
    );
    expect(await spill.addFiles([path])).toEqual([{ rows: 3n, unidentified: 0n }]);
  } finally {
    await spill.close();
    connection.closeSync();
    instance.closeSync();
  }
});
