import { liveFiles, type TableState } from '@millrace/core/delta/snapshot.ts';
import type { SourcePartition } from '@millrace/core/domain/source.ts';
import type { ObjectStore } from '@millrace/core/ports/object-store.ts';
import { openDuckDb, sqlText } from '../lake/duckdb.ts';
import { withLocalFile } from '../lake/table-files.ts';
import { numberedRows } from './column-types.ts';
import { mayHold } from './file-sources.ts';

/** A row of the table: the data file as it stands in the log, and the zero-based row in it; null where a column of the table has that name. */
export type RowPlace = { file: string; row: bigint | null };

/**
 * Every row of one offset at one version of the table: one, unless something is wrong. Files that say they hold other offsets are not opened.
 * @param folder existing directory for copies of data files
 */
export async function findRow(
  table: ObjectStore,
  { version, metadata }: TableState,
  source: SourcePartition,
  offset: bigint,
  folder: string,
): Promise<RowPlace[]> {
  const instance = await openDuckDb(':memory:', folder);
  const connection = await instance.connect();
  const numbers = numberedRows(metadata.schemaString);
  const rows: RowPlace[] = [];
  try {
    for await (const file of liveFiles(table, version)) {
      if (!mayHold(file, source, offset)) continue;
      const read = await withLocalFile(table, file.path, file.size, folder, (path) =>
        connection.runAndReadAll(
          `SELECT ${numbers.column} FROM read_parquet(${sqlText(path)}, hive_partitioning = false${numbers.option})
           WHERE _source_topic_id = ${sqlText(source.topicId)} AND _source_partition = ${source.partition} AND _source_offset = ${offset}`,
        ),
      );
      for (const [row] of read.getRows()) rows.push({ file: file.path, row: row as bigint | null });
    }
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
  return rows;
}
