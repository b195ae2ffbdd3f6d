import { readQuarantineSegment } from '@millrace/core/delta/ledger-reader.ts';
import type { Ledger, QuarantinePointer } from '@millrace/core/domain/ledger.ts';
import { positionAppId, type SourcePartition } from '@millrace/core/domain/source.ts';
import type { ObjectStore } from '@millrace/core/ports/object-store.ts';
import { readTableStart } from '../lake/table-start.ts';
import type { TableView } from '../lake/table-view.ts';
import { findRow, type RowPlace } from './find-row.ts';
import { findPositionCommit, type PositionCommit } from './position-commit.ts';

/** Where an offset lies in a table: bounds of the table on this chain, and what is known of the offset when it lies inside them. */
export type TablePlace = {
  /** undefined before the table's first batch of this chain */
  startOffset: bigint | undefined;
  position: bigint | undefined;
  /** the commit that took the position past the offset; undefined while none has */
  commit: PositionCommit | undefined;
  rows: RowPlace[];
  quarantine: { segment: string; pointer: QuarantinePointer } | undefined;
};

/**
 * Where an offset that landed lies in the table. A row is looked for first; quarantine segments are read only when there is none.
 * @param holdsRecord false for a gap: then only the commit is looked for
 * @param folder existing directory for copies of data files
 */
export async function locateInTable(
  { table, state, ledger }: TableView,
  source: SourcePartition,
  offset: bigint,
  holdsRecord: boolean,
  folder: string,
): Promise<TablePlace> {
  const appId = positionAppId(source);
  const summed = ledger?.partitions.find(({ topicId, partition }) => topicId === source.topicId && partition === source.partition);
  const startOffset = summed?.startOffset ?? (await readTableStart(table, source));
  const position = summed?.position ?? state?.txns.get(appId);
  const place: TablePlace = { startOffset, position, commit: undefined, rows: [], quarantine: undefined };
  if (state === undefined || position === undefined || offset >= position || (startOffset !== undefined && offset < startOffset))
    return place;
  place.commit = await findPositionCommit(table, appId, offset, state.version);
  if (!holdsRecord) return place;
  place.rows = await findRow(table, state, source, offset, folder);
  if (place.rows.length === 0) place.quarantine = await findPointer(table, ledger, source, offset);
  return place;
}

async function findPointer(
  table: ObjectStore,
  ledger: Ledger | undefined,
  source: SourcePartition,
  offset: bigint,
): Promise<TablePlace['quarantine']> {
  for (const segment of ledger?.quarantineSegments ?? []) {
    const pointer = (await readQuarantineSegment(table, segment)).find(
      ({ topicId, partition, startOffset, endOffset }) =>
        topicId === source.topicId && partition === source.partition && startOffset <= offset && offset < endOffset,
    );
    if (pointer !== undefined) return { segment: segment.key, pointer };
  }
  return undefined;
}
