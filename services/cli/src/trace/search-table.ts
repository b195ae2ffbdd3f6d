import { fileURLToPath } from 'node:url';
import type { DuckDBConnection } from '@duckdb/node-api';
import { liveFiles } from '@millrace/core/delta/snapshot.ts';
import type { SourcePartition } from '@millrace/core/domain/source.ts';
import { fileColumn, openDuckDb, sqlText } from '../lake/duckdb.ts';
import { inGroups, type LocalFile, localFile } from '../lake/table-files.ts';
import type { TableView } from '../lake/table-view.ts';
import { numberedRows, sqlColumns } from './column-types.ts';
import type { RowPlace } from './find-row.ts';
import { bad, requireExpression } from './predicate.ts';
import { SearchDeadline } from './search-deadline.ts';

/** A row that a predicate holds for. */
export type MatchedRow = SourcePartition & RowPlace & { topic: string; offset: bigint };

/** Column of our own for the row's place in its file. */
const rowColumn = '_source_data_row';

/**
 * The first `limit` rows, in the order of the table's log, that a person's predicate holds for. Files are read a group at a time until there are enough; memory is DuckDB's bound.
 * The predicate sees the table's columns as they are now. It is one expression, can change nothing, and can read no file but the table's: DuckDB's access to files is locked first.
 * @param folder existing directory for copies of data files
 * @param timeoutSeconds the whole search may take so long; then what runs is interrupted
 * @throws kind `invalid`, code `bad_predicate` or `search_too_long`
 */
export async function searchTable(
  { table, state }: TableView,
  predicate: string,
  limit: number,
  timeoutSeconds: number,
  folder: string,
): Promise<{ rows: MatchedRow[]; filesRead: number }> {
  const instance = await openDuckDb(':memory:', folder);
  const connection = await instance.connect();
  const deadline = new SearchDeadline(connection, timeoutSeconds);
  try {
    await requireExpression(connection, predicate);
    const found: MatchedRow[] = [];
    let filesRead = 0;
    if (state === undefined) return { rows: found, filesRead };
    const columns = sqlColumns(state.metadata.schemaString);
    await connection.run(`CREATE TABLE whole (${columns.map(({ sql }) => sql).join(', ')})`);
    const readable = table.url.startsWith('file:') ? fileURLToPath(table.url) : folder;
    await connection.run(`SET allowed_directories = [${sqlText(`${readable}/`)}, ${sqlText(`${folder}/`)}]`);
    await connection.run('SET enable_external_access = false');
    await connection.run('SET lock_configuration = true');
    const numbers = numberedRows(state.metadata.schemaString);
    await matches(connection, 'SELECT 1 FROM whole', predicate);
    for await (const group of inGroups(liveFiles(table, state.version))) {
      const local: { path: string; copy: LocalFile }[] = [];
      deadline.check();
      try {
        for (const file of group) local.push({ path: file.path, copy: await localFile(table, file.path, file.size, folder) });
        const paths = local.map(({ copy }) => copy.path);
        const read = await matches(connection, selectFrom(paths, numbers), predicate, limit - found.length);
        for (const [topic, topicId, partition, offset, path, row] of read)
          found.push({
            topic: topic as string,
            topicId: topicId as string,
            partition: partition as number,
            offset: offset as bigint,
            file: local.find(({ copy }) => copy.path === path)?.path ?? String(path),
            row: row as bigint | null,
          });
        filesRead += group.length;
      } finally {
        await Promise.all(local.map(({ copy }) => copy.release()));
      }
      if (found.length >= limit) break;
    }
    return { rows: found, filesRead };
  } catch (error) {
    // an interrupted question fails in DuckDB's words
    deadline.check();
    throw error;
  } finally {
    deadline.stop();
    connection.closeSync();
    instance.closeSync();
  }
}

/** Rows of some files with every column the table has now: what an older file lacks is null there. */
function selectFrom(paths: readonly string[], numbers: ReturnType<typeof numberedRows>): string {
  const files = `read_parquet([${paths.map(sqlText).join(', ')}], hive_partitioning = false, union_by_name = true, filename = '${fileColumn}'${numbers.option})`;
  return `SELECT _source_topic, _source_topic_id, _source_partition, _source_offset, ${fileColumn}, ${rowColumn}
    FROM (SELECT *, NULL::VARCHAR AS ${fileColumn}, NULL::BIGINT AS ${rowColumn} FROM whole
      UNION ALL BY NAME SELECT *${numbers.exclude}, ${numbers.column} AS ${rowColumn} FROM ${files})`;
}

async function matches(connection: DuckDBConnection, select: string, predicate: string, limit = 0): Promise<unknown[][]> {
  try {
    return (await connection.runAndReadAll(`${select} WHERE (\n${predicate}\n) LIMIT ${limit}`)).getRows();
  } catch (error) {
    throw bad(predicate, error);
  }
}
