import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { liveFiles, readTableState } from '@millrace/core/delta/snapshot.ts';
import type { ObjectStore } from '@millrace/core/ports/object-store.ts';
import { withLocalFile } from '../lake/table-files.ts';
import { textTable } from '../output/text-table.ts';

const CELL_MAX = 22;
const COLUMNS_SHOWN = 6;
const ROWS_SHOWN = 5;

/**
 * Five rows of a table as text, as DuckDB reads its Parquet files; undefined while the table holds none.
 * @param table store rooted at the table
 * @param widthMax letters in a line; data columns are left out until it fits
 */
export async function someRows(table: ObjectStore, widthMax: number): Promise<string | undefined> {
  const state = await readTableState(table);
  if (state === undefined) return undefined;
  const temp = await mkdtemp(join(tmpdir(), 'millrace-demo-'));
  const instance = await DuckDBInstance.create();
  const connection = await instance.connect();
  try {
    let head: string[] = [];
    const rows: string[][] = [];
    for await (const file of liveFiles(table, state.version)) {
      const read = await withLocalFile(table, file.path, file.size, temp, (path) =>
        connection.runAndReadAll(
          `SELECT * FROM read_parquet('${path.replaceAll("'", "''")}', hive_partitioning = false) LIMIT ${ROWS_SHOWN - rows.length}`,
        ),
      );
      const shown = shownColumns(read.columnNames());
      head = head.length > 0 ? head : shown;
      for (const row of read.getRowObjectsJson()) rows.push(head.map((name) => cell(row[name])));
      if (rows.length >= ROWS_SHOWN) break;
    }
    return rows.length === 0 ? undefined : narrowed(head, rows, widthMax);
  } finally {
    connection.closeSync();
    instance.closeSync();
    await rm(temp, { recursive: true, force: true });
  }
}

/** The first data columns and where each row comes from. Pure. */
function shownColumns(all: readonly string[]): string[] {
  const own = ['_source_partition', '_source_offset'].filter((name) => all.includes(name));
  return [...all.filter((name) => !name.startsWith('_source_')).slice(0, COLUMNS_SHOWN), ...own];
}

/** Leaves out the last data columns until a row fits. Pure. */
function narrowed(head: readonly string[], rows: readonly string[][], widthMax: number): string {
  const text = textTable(head, rows);
  const last = head.findLastIndex((name) => !name.startsWith('_source_'));
  if (last < 1 || text.split('\n').every((line) => line.length <= widthMax)) return text;
  const without = <T>(list: readonly T[]) => list.filter((_, column) => column !== last);
  return narrowed(without(head), rows.map(without), widthMax);
}

function cell(value: unknown): string {
  const text = value === null || value === undefined ? '' : typeof value === 'string' ? value : JSON.stringify(value);
  const letters = [...text];
  return letters.length <= CELL_MAX ? text : `${letters.slice(0, CELL_MAX - 1).join('')}…`;
}
