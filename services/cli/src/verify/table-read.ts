import type { AddFile } from '@millrace/core/delta/actions.ts';
import { readLedger, readQuarantineSegment } from '@millrace/core/delta/ledger-reader.ts';
import { liveFiles, readTableState, type TableState } from '@millrace/core/delta/snapshot.ts';
import { describeError, isKind } from '@millrace/core/domain/errors.ts';
import type { Ledger } from '@millrace/core/domain/ledger.ts';
import { ledgerAppId } from '@millrace/core/domain/source.ts';
import type { ObjectStore } from '@millrace/core/ports/object-store.ts';
import { inGroups, type LocalFile, localFile } from '../lake/table-files.ts';
import type { Difference, Differences } from './differences.ts';
import type { FileRows, RangeSpill } from './range-spill.ts';

/** What was read of a table. `state` undefined: there is no table yet. */
export type TableRead = { state: TableState | undefined; ledger: Ledger | undefined; files: number; rows: bigint; bytes: bigint };

export const aboutTable = (code: string, detail: string): Difference => ({ code, topicId: null, partition: null, range: null, detail });

/**
 * Reads the table at its newest version: its ledger, the provenance columns of every live file and every quarantine pointer go into `spill`.
 * Memory does not grow with the table: files are taken a group at a time.
 */
export async function readTable(table: ObjectStore, spill: RangeSpill, differences: Differences): Promise<TableRead> {
  const state = await readTableState(table);
  const read: TableRead = { state, ledger: undefined, files: 0, rows: 0n, bytes: 0n };
  if (state === undefined) return read;
  read.ledger = await tolerant(differences, 'ledger_unreadable', async () => {
    const id = state.txns.get(ledgerAppId);
    if (id !== undefined) return readLedger(table, id);
    differences.add(aboutTable('ledger_head_missing', `the log of ${table.url} has no txn ${ledgerAppId}`));
    return undefined;
  });
  for await (const files of inGroups(liveFiles(table, state.version))) await readFiles(table, files, spill, differences, read);
  for (const segment of read.ledger?.quarantineSegments ?? []) {
    await tolerant(differences, 'quarantine_unreadable', async () => {
      const pointers = await readQuarantineSegment(table, segment);
      await spill.addPointers(pointers);
      const records = pointers.reduce((sum, pointer) => sum + BigInt(pointer.records), 0n);
      if (records !== segment.records)
        differences.add(aboutTable('quarantine_count', `${segment.key} points to ${records} records, the ledger says ${segment.records}`));
      for (const pointer of pointers)
        if (pointer.endLine - pointer.startLine !== pointer.records)
          differences.add(
            aboutTable(
              'quarantine_count',
              `${segment.key} has a pointer to lines ${pointer.startLine} to ${pointer.endLine} of ${pointer.rawObject} that says ${pointer.records} records`,
            ),
          );
    });
  }
  return read;
}

async function readFiles(
  table: ObjectStore,
  files: readonly AddFile[],
  spill: RangeSpill,
  differences: Differences,
  read: TableRead,
): Promise<void> {
  const local: { file: AddFile; copy: LocalFile }[] = [];
  try {
    for (const file of files)
      await tolerant(differences, 'data_file_unreadable', async () => {
        local.push({ file, copy: await localFile(table, file.path, file.size, spill.folder) });
      });
    const take = (counted: readonly FileRows[], of: readonly { file: AddFile }[]) => {
      for (const [index, { file }] of of.entries()) takeRows(file, counted[index] as FileRows, differences, read);
    };
    const paths = local.map(({ copy }) => copy.path);
    const counted = paths.length === 0 ? [] : await spill.addFiles(paths).catch(() => undefined);
    if (counted !== undefined) return take(counted, local);
    // one of them cannot be read: which one shows when each is read by itself
    for (const one of local)
      await tolerant(differences, 'data_file_unreadable', async () => take(await spill.addFiles([one.copy.path]), [one]));
  } finally {
    await Promise.all(local.map(({ copy }) => copy.release()));
  }
}

function takeRows(file: AddFile, { rows, unidentified }: FileRows, differences: Differences, read: TableRead): void {
  read.files++;
  read.rows += rows;
  read.bytes += BigInt(file.size);
  const said = numRecords(file.stats);
  if (said !== undefined && said !== rows)
    differences.add(aboutTable('data_file_rows', `${file.path} holds ${rows} rows, the table's log says ${said}`));
  if (unidentified > 0n)
    differences.add(aboutTable('row_without_source', `${file.path} holds ${unidentified} rows without topic id, partition or offset`));
}

/** What is broken in the table is a difference and the reading goes on; a store that is away ends it. */
async function tolerant<T>(differences: Differences, code: string, read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (isKind(error, 'unavailable', 'invalid')) throw error;
    differences.add(aboutTable(isKind(error, 'corrupt') ? error.code : code, describeError(error)));
    return undefined;
  }
}

/** `numRecords` of a file's stats, by its digits. Pure. */
function numRecords(stats: string | undefined): bigint | undefined {
  const digits = /"numRecords"\s*:\s*(\d+)/.exec(stats ?? '')?.[1];
  return digits === undefined ? undefined : BigInt(digits);
}
