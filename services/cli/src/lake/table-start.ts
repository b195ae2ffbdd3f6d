import { parseStored } from '@millrace/core/domain/chain.ts';
import { tableStartKey } from '@millrace/core/domain/keys.ts';
import { ledgerFormat, tableStart } from '@millrace/core/domain/ledger.ts';
import type { SourcePartition } from '@millrace/core/domain/source.ts';
import type { ObjectStore } from '@millrace/core/ports/object-store.ts';

/** Where the table begins on a chain, as it was resolved before its first batch; undefined before that. */
export async function readTableStart(table: ObjectStore, source: SourcePartition): Promise<bigint | undefined> {
  const key = tableStartKey(source);
  const bytes = await table.get(key);
  return bytes === undefined ? undefined : parseStored(tableStart, bytes, `${table.url}/${key}`, ledgerFormat).startOffset;
}
