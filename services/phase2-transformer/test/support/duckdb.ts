import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';

export type Row = Record<string, unknown>;

/** Asks DuckDB about Parquet files; `$file` in the SQL is their list. Values are JSON: 64-bit integers as text. */
export async function queryParquet(files: readonly Uint8Array[], sql: string): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-parquet-'));
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  try {
    const paths = files.map((bytes) => {
      const path = join(folder, `${randomUUID()}.parquet`);
      writeFileSync(path, bytes);
      return `'${path}'`;
    });
    const reader = await connection.runAndReadAll(sql.replaceAll('$file', `[${paths.join(',')}]`));
    return reader.getRowObjectsJson() as Row[];
  } finally {
    connection.closeSync();
    instance.closeSync();
    rmSync(folder, { recursive: true });
  }
}

/** All rows of files, in the order of offsets. */
export function readRows(files: readonly { bytes: Uint8Array }[], columns = '*'): Promise<Row[]> {
  return queryParquet(
    files.map(({ bytes }) => bytes),
    `SELECT ${columns} FROM read_parquet($file, hive_partitioning = false) ORDER BY _source_topic_id, _source_partition, _source_offset`,
  );
}
