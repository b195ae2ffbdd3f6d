import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { textTable } from '@millrace/cli/output/text-table.ts';
import { withLocalFile } from '@millrace/cli/verify/table-files.ts';
import { openObjectStore } from '@millrace/core/adapters/open-store.ts';
import { discoverPartitions, discoverTopicIds } from '@millrace/core/chain/discover.ts';
import { findTail } from '@millrace/core/chain/tail.ts';
import { liveFiles, readTableState } from '@millrace/core/delta/snapshot.ts';
import { positionAppId } from '@millrace/core/domain/source.ts';
import type { ObjectStore } from '@millrace/core/ports/object-store.ts';
import { scopedStore } from '@millrace/core/stores/scoped-store.ts';

const CELL_MAX = 22;
const COLUMNS_SHOWN = 6;
const ROWS_SHOWN = 5;

/** How far raw and table are, as the stores themselves say: next offsets summed over all partitions, and when that was reached (ISO 8601). */
export type LakeState = { landed: bigint; landedAt: string | undefined; committed: bigint; tableVersion: bigint | undefined };

/** The stores of the demo, read directly: what they say is the truth, whatever the services report. */
export class Lake {
  readonly raw: ObjectStore;
  readonly table: ObjectStore;
  readonly #tables: ObjectStore;
  readonly #topic: string;

  constructor(rawUrl: string, tablesUrl: string, dataset: string, topic: string, forcePathStyle: boolean) {
    this.raw = openObjectStore(rawUrl, { forcePathStyle });
    this.#tables = openObjectStore(tablesUrl, { forcePathStyle });
    this.table = scopedStore(this.#tables, dataset);
    this.#topic = topic;
  }

  async state(): Promise<LakeState> {
    const table = await readTableState(this.table);
    const found: LakeState = { landed: 0n, landedAt: undefined, committed: 0n, tableVersion: table?.version };
    for (const topicId of await discoverTopicIds(this.raw, this.#topic)) {
      for (const partition of await discoverPartitions(this.raw, this.#topic, topicId)) {
        const tail = await findTail(this.raw, this.#topic, { topicId, partition });
        if (tail === undefined) continue;
        found.landed += tail.endOffset;
        if (tail.kind === 'data' && (found.landedAt === undefined || tail.createdAt > found.landedAt)) found.landedAt = tail.createdAt;
        found.committed += table?.txns.get(positionAppId({ topicId, partition })) ?? 0n;
      }
    }
    return found;
  }

  /** Five rows as text of at most `widthMax` columns; undefined while the table holds none. */
  async someRows(widthMax: number): Promise<string | undefined> {
    const state = await readTableState(this.table);
    if (state === undefined) return undefined;
    const temp = await mkdtemp(join(tmpdir(), 'millrace-demo-'));
    const instance = await DuckDBInstance.create();
    const connection = await instance.connect();
    try {
      let head: string[] = [];
      const rows: string[][] = [];
      for await (const file of liveFiles(this.table, state.version)) {
        const read = await withLocalFile(this.table, file.path, file.size, temp, (path) =>
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

  async close(): Promise<void> {
    await Promise.all([this.raw.close(), this.#tables.close()]);
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
