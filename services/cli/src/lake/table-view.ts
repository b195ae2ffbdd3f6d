import { readLedger } from '@millrace/core/delta/ledger-reader.ts';
import { readTableState, type TableState } from '@millrace/core/delta/snapshot.ts';
import type { Ledger } from '@millrace/core/domain/ledger.ts';
import { ledgerAppId } from '@millrace/core/domain/source.ts';
import type { ObjectStore } from '@millrace/core/ports/object-store.ts';

/** A table as one command sees it. `state` undefined: there is none yet. */
export type TableView = { table: ObjectStore; state: TableState | undefined; ledger: Ledger | undefined };

/** The newest version of a table, with the ledger it names. @throws kind `corrupt` */
export async function viewTable(table: ObjectStore): Promise<TableView> {
  const state = await readTableState(table);
  const id = state?.txns.get(ledgerAppId);
  return { table, state, ledger: id === undefined ? undefined : await readLedger(table, id) };
}
