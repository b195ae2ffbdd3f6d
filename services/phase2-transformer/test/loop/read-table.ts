import { readLedger } from '@millrace/core/delta/ledger-reader.ts';
import { liveFiles, readTableState } from '@millrace/core/delta/snapshot.ts';
import { sourceKey } from '@millrace/core/domain/source.ts';
import type { ObjectStore } from '@millrace/core/ports/object-store.ts';
import { scopedStore } from '@millrace/core/stores/scoped-store.ts';
import { sum } from '../../src/plan/ledger-sums.ts';
import { sourcesTag } from '../../src/plan/settle.ts';

/** What a table says, after checking on it what must hold for every table: the law, the positions, and every offset in at most one live file. */
export async function readTable(tables: ObjectStore, name: string) {
  const table = scopedStore(tables, name);
  const state = await readTableState(table);
  if (state === undefined) return undefined;
  const head = state.txns.get('millrace/ledger');
  if (head === undefined) throw new Error('no ledger head');
  const ledger = await readLedger(table, head);
  const files = new Map<string, { min: bigint; max: bigint; records: number }[]>();
  for await (const add of liveFiles(table, state.version))
    for (const [topicId, partition, min, max, records] of JSON.parse(add.tags?.[sourcesTag] ?? '[]') as [
      string,
      number,
      string,
      string,
      number,
    ][]) {
      const key = sourceKey({ topicId, partition });
      files.set(key, [...(files.get(key) ?? []), { min: BigInt(min), max: BigInt(max), records }]);
    }
  for (const partition of ledger.partitions) {
    const key = sourceKey(partition);
    const accounted = partition.committed + sum(partition.quarantined) + sum(partition.dropped) + sum(partition.gaps);
    if (partition.position - partition.startOffset !== accounted) throw new Error(`the law does not hold for ${key}`);
    if (state.txns.get(`millrace/${key}`) !== partition.position) throw new Error(`position of ${key} differs from the ledger`);
    const own = (files.get(key) ?? []).sort((a, b) => (a.min < b.min ? -1 : 1));
    const rows = own.reduce((total, file) => total + BigInt(file.records), 0n);
    if (rows !== partition.committed) throw new Error(`${key}: ${rows} rows in files, ${partition.committed} in the ledger`);
  }
  return { state, ledger, table };
}
