import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';

/** Memory DuckDB may use before it spills to disk: what is left of 500 MB belongs to Node. */
const memoryLimit = '256MB';

/**
 * A database for reading data files within bounds.
 * @param path of its file, or `:memory:`
 * @param folder where it may spill
 */
export function openDuckDb(path: string, folder: string, options: Readonly<Record<string, string>> = {}): Promise<DuckDBInstance> {
  return DuckDBInstance.create(path, {
    memory_limit: memoryLimit,
    threads: '2',
    temp_directory: join(folder, 'spill'),
    // every file is read once; and bytes kept from an earlier one at the same path would be believed
    enable_external_file_cache: 'false',
    ...options,
  });
}

/** A text as a literal of SQL. Pure. */
export const sqlText = (text: string) => `'${text.replaceAll("'", "''")}'`;

/** A name as an identifier of SQL. Pure. */
export const sqlName = (name: string) => `"${name.replaceAll('"', '""')}"`;

/** The column that says which file a row is of. A name that no table of ours has: records may well hold a field `filename`. */
export const fileColumn = '_source_data_file';
