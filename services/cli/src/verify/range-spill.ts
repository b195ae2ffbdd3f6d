import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import type { QuarantinePointer } from '@millrace/core/domain/ledger.ts';
import type { OffsetRange } from '@millrace/core/domain/offsets.ts';
import type { SourcePartition } from '@millrace/core/domain/source.ts';
import { fileColumn, openDuckDb, sqlText } from '../lake/duckdb.ts';
import type { QuarantineRun } from './coverage.ts';

/** Rows of a data file, and those of them without a complete source identity. */
export type FileRows = { rows: bigint; unidentified: bigint };

/**
 * Ranges of a table's rows and quarantine pointers, kept in a database file and handed back in offset order.
 * Of each data file only its islands of neighbouring offsets are kept, so files in any order, even re-ordered ones, cost disk and not memory.
 */
export class RangeSpill {
  readonly #instance: DuckDBInstance;
  readonly #connection: DuckDBConnection;
  readonly #folder: string;
  #batch = 0;

  private constructor(instance: DuckDBInstance, connection: DuckDBConnection, folder: string) {
    this.#instance = instance;
    this.#connection = connection;
    this.#folder = folder;
  }

  /** @param tempDir existing directory; a folder of our own is made in it and removed by `close` */
  static async open(tempDir: string): Promise<RangeSpill> {
    const folder = await mkdtemp(join(tempDir, 'millrace-verify-'));
    const instance = await openDuckDb(join(folder, 'ranges.duckdb'), folder, { preserve_insertion_order: 'false' });
    const connection = await instance.connect();
    await connection.run('CREATE TABLE islands (topic_id VARCHAR, part INTEGER, start_offset BIGINT, end_offset BIGINT)');
    await connection.run(
      'CREATE TABLE pointers (topic_id VARCHAR, part INTEGER, start_offset BIGINT, end_offset BIGINT, object VARCHAR, start_line INTEGER, reason VARCHAR)',
    );
    return new RangeSpill(instance, connection, folder);
  }

  /** Where files may be put for a while; removed by `close`. */
  get folder(): string {
    return this.#folder;
  }

  /**
   * Takes in the provenance columns of some Parquet files, all or none of them. One statement over many files costs a tenth of one for each.
   * @param paths different ones
   * @returns of each file, in the same order, its rows, and those of them without a complete source identity
   */
  async addFiles(paths: readonly string[]): Promise<FileRows[]> {
    const islands = `islands_of_${this.#batch++}`;
    const list = paths.map(sqlText).join(', ');
    await this.#connection.run(`
      CREATE TEMP TABLE ${islands} AS
      WITH seen AS (
        SELECT ${fileColumn} AS f, _source_topic_id AS t, _source_partition AS p, _source_offset AS o
        FROM read_parquet([${list}], hive_partitioning = false, filename = '${fileColumn}')
      ),
      marked AS (SELECT f, t, p, o, CASE WHEN o = lag(o) OVER w + 1 THEN 0 ELSE 1 END AS fresh FROM seen WINDOW w AS (PARTITION BY f, t, p ORDER BY o)),
      numbered AS (SELECT f, t, p, o, sum(fresh) OVER (PARTITION BY f, t, p ORDER BY o ROWS UNBOUNDED PRECEDING) AS island FROM marked)
      SELECT f, t, p, min(o) AS s, max(o) + 1 AS e, count(*) AS n FROM numbered GROUP BY f, t, p, island`);
    const counted = await this.#connection.runAndReadAll(
      `SELECT f, sum(n)::BIGINT, coalesce(sum(n) FILTER (t IS NULL OR p IS NULL OR s IS NULL), 0)::BIGINT FROM ${islands} GROUP BY f`,
    );
    await this.#connection.run(
      `INSERT INTO islands SELECT t, p, s, e FROM ${islands} WHERE t IS NOT NULL AND p IS NOT NULL AND s IS NOT NULL`,
    );
    await this.#connection.run(`DROP TABLE ${islands}`);
    const found = new Map(counted.getRows().map(([path, rows, unidentified]) => [path as string, { rows, unidentified } as FileRows]));
    return paths.map((path) => found.get(path) ?? { rows: 0n, unidentified: 0n });
  }

  async addPointers(pointers: readonly QuarantinePointer[]): Promise<void> {
    const appender = await this.#connection.createAppender('pointers');
    for (const pointer of pointers) {
      appender.appendVarchar(pointer.topicId);
      appender.appendInteger(pointer.partition);
      appender.appendBigInt(pointer.startOffset);
      appender.appendBigInt(pointer.endOffset);
      appender.appendVarchar(pointer.rawObject);
      appender.appendInteger(pointer.startLine);
      appender.appendVarchar(pointer.reason);
      appender.endRow();
    }
    appender.closeSync();
  }

  /** Source partitions that rows or pointers speak of. */
  async sources(): Promise<SourcePartition[]> {
    const read = await this.#connection.runAndReadAll(
      'SELECT topic_id, part FROM islands UNION SELECT topic_id, part FROM pointers ORDER BY ALL',
    );
    return read.getRows().map(([topicId, partition]) => ({ topicId: topicId as string, partition: partition as number }));
  }

  /** Runs of rows of one source partition, ascending by start. */
  async *rows(source: SourcePartition): AsyncGenerator<OffsetRange> {
    for await (const [startOffset, endOffset] of this.#ordered(`SELECT start_offset, end_offset FROM islands`, source))
      yield { startOffset: startOffset as bigint, endOffset: endOffset as bigint };
  }

  /** Quarantine pointers of one source partition, ascending by start. */
  async *quarantined(source: SourcePartition): AsyncGenerator<QuarantineRun> {
    for await (const [startOffset, endOffset, object, startLine, reason] of this.#ordered(
      'SELECT start_offset, end_offset, object, start_line, reason FROM pointers',
      source,
    ))
      yield {
        startOffset: startOffset as bigint,
        endOffset: endOffset as bigint,
        object: object as string,
        startLine: startLine as number,
        reason: reason as string,
      };
  }

  async *#ordered(select: string, source: SourcePartition): AsyncGenerator<unknown[]> {
    // a connection of its own: two of these streams are read side by side
    const connection = await this.#instance.connect();
    try {
      const result = await connection.stream(
        `${select} WHERE topic_id = ${sqlText(source.topicId)} AND part = ${source.partition} ORDER BY start_offset, end_offset`,
      );
      for await (const rows of result.yieldRows()) yield* rows;
    } finally {
      connection.closeSync();
    }
  }

  async close(): Promise<void> {
    this.#connection.closeSync();
    this.#instance.closeSync();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
